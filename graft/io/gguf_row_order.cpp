#include "graft/io/gguf_row_order.h"

#include <mlx/ops.h>

#include "graft/base/error.h"

namespace graft::io {

std::vector<int32_t> stored_rows(int rows, int head_dim, const std::string& what) {
  if (head_dim <= 0 || head_dim % 2 != 0 || rows % head_dim != 0) {
    fail("{} has {} outputs, which are no heads of {}", what, rows, head_dim);
  }
  const RowOrder order{head_dim};
  std::vector<int32_t> stored(static_cast<size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    stored[static_cast<size_t>(row)] = static_cast<int32_t>(order.stored(row));
  }
  return stored;
}

mx::array in_stored_order(const mx::array& rows, int head_dim, const std::string& what) {
  const std::vector<int32_t> stored = stored_rows(rows.shape(0), head_dim, what);
  std::vector<int32_t> own(stored.size());
  for (size_t row = 0; row < stored.size(); ++row) {
    own[static_cast<size_t>(stored[row])] = static_cast<int32_t>(row);
  }
  return mx::take(rows, mx::array(own.begin(), {static_cast<int>(own.size())}, mx::int32), 0);
}

}  // namespace graft::io
