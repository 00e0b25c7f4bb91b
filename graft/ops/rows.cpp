#include "graft/ops/rows.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include <cstring>

#include "graft/base/error.h"
#include "graft/ops/backend.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops {

void write_rows(mx::array& whole, int at, const mx::array& rows, RowRange which) {
  const auto [begin, n] = which;
  const int width = rows.shape(1);
  if (begin < 0 || n < 0 || begin > rows.shape(0) - n || at < 0 || at > whole.shape(0) - n ||
      whole.shape(1) != width || whole.dtype() != rows.dtype()) {
    fail("internal: rows [{}, {}) of {} of width {} are written at {} of {} rows of width {}",
         begin, begin + n, rows.shape(0), width, at, whole.shape(0), whole.shape(1));
  }
#ifdef GRAFT_CPU_KERNELS
  if (runs_at_once()) {
    cpu::make_ready(whole);
    if (whole.is_donatable()) {
      mx::array from = rows;
      cpu::make_ready(from);
      size_t row_bytes = static_cast<size_t>(width) * rows.itemsize();
      std::memcpy(whole.data<char>() + static_cast<size_t>(at) * row_bytes,
                  from.data<char>() + static_cast<size_t>(begin) * row_bytes,
                  static_cast<size_t>(n) * row_bytes);
      return;
    }
  }
#endif
  const mx::array part =
      n == rows.shape(0) ? rows : mx::slice(rows, {begin, 0}, {begin + n, width});
  whole = mx::slice_update(whole, part, mx::Shape{at, 0}, mx::Shape{at + n, width});
}

}  // namespace graft::ops
