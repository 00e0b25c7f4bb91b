#include "graft/ops/embedding.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/embedding.h"

namespace graft::ops {

mx::array embedding(const mx::array& ids, const Weight& w, mx::Dtype dtype) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::embedding(ids, w, dtype);
#endif
  Weight rows = w;
  rows.weight = mx::take(w.weight, ids, 0);
  if (w.scales) rows.scales = mx::take(*w.scales, ids, 0);
  if (w.biases) rows.biases = mx::take(*w.biases, ids, 0);
  return dequantized(rows, dtype);
}

}  // namespace graft::ops
