#include "graft/ops/divergence.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/divergence.h"

namespace graft::ops {

Divergence divergence(const mx::array& predicted, const mx::array& wanted, const mx::array& weights,
                      bool with_gradient) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::divergence(predicted, wanted, weights, with_gradient);
#endif
  const auto normalized = [](const mx::array& scores) {
    return mx::subtract(scores, mx::logsumexp(scores, -1, true));
  };
  const mx::array log_q = normalized(predicted), log_p = normalized(wanted);
  const mx::array p = mx::exp(log_p);
  Divergence result{mx::sum(mx::multiply(p, mx::subtract(log_p, log_q)), 1), {}};
  if (with_gradient) {
    result.gradient = mx::multiply(mx::subtract(mx::exp(log_q), p), mx::expand_dims(weights, 1));
  }
  return result;
}

}  // namespace graft::ops
