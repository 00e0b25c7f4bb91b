#include "graft/ops/norm.h"

#include <mlx/fast.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/norm.h"

namespace graft::ops {

mx::array rms_norm(const mx::array& h, const mx::array& weight, float eps) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::add_rms_norm(h, std::nullopt, weight, eps).normed;
#endif
  return mx::fast::rms_norm(h, mx::astype(weight, h.dtype()), eps);
}

AddNorm add_rms_norm(const mx::array& h, const mx::array& delta, const mx::array& weight,
                     float eps) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::add_rms_norm(h, delta, weight, eps);
#endif
  mx::array sum = mx::add(h, delta);
  return {sum, mx::fast::rms_norm(sum, mx::astype(weight, h.dtype()), eps)};
}

}  // namespace graft::ops
