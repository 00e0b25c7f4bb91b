#include "graft/ops/sgd.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/sgd.h"
#include "graft/ops/scaled.h"

namespace graft::ops {

SgdState sgd_step(const SgdState& s, const mx::array& gradient, const SgdOptions& o) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::sgd_step(s, gradient, o);
#endif
  const mx::array g = o.weight_decay == 0
                          ? gradient
                          : mx::add(gradient, scaled(s.parameter, double{o.weight_decay}));
  auto moved = [&](const mx::array& step) {
    return mx::subtract(s.parameter, scaled(step, double{o.learning_rate}));
  };
  if (!s.velocity) return {moved(g), {}};
  const mx::array v = mx::add(scaled(*s.velocity, o.momentum), scaled(g, 1 - o.dampening));
  return {moved(o.nesterov ? mx::add(g, scaled(v, o.momentum)) : v), v};
}

}  // namespace graft::ops
