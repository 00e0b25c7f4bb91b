#include "graft/ops/norm_of.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/norm_of.h"

namespace graft::ops {

mx::array norm_of(const mx::array& x) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::norm_of(x);
#endif
  // Relative to the largest element, so that no square overflows.
  const mx::array largest = mx::max(mx::abs(x));
  const mx::array unit = mx::where(mx::greater(largest, mx::array(0.0f)), largest, mx::array(1.0f));
  return mx::multiply(unit, mx::sqrt(mx::sum(mx::square(mx::divide(x, unit)))));
}

}  // namespace graft::ops
