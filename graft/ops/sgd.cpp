#include "graft/ops/sgd.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/sgd.h"

namespace graft::ops {

SgdState sgd_step(const SgdState& s, const mx::array& gradient, const SgdOptions& o) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::sgd_step(s, gradient, o);
#endif
  auto scaled = [](double factor, const mx::array& x) {
    return mx::multiply(mx::array(static_cast<float>(factor)), x);
  };
  const mx::array g = o.weight_decay == 0
                          ? gradient
                          : mx::add(gradient, scaled(double{o.weight_decay}, s.parameter));
  auto moved = [&](const mx::array& step) {
    return mx::subtract(s.parameter, scaled(double{o.learning_rate}, step));
  };
  if (!s.velocity) return {moved(g), {}};
  const mx::array v = mx::add(scaled(o.momentum, *s.velocity), scaled(1 - o.dampening, g));
  return {moved(o.nesterov ? mx::add(g, scaled(o.momentum, v)) : v), v};
}

}  // namespace graft::ops
