#include "graft/ops/adam.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/adam.h"

namespace graft::ops {

AdamState adam_step(const AdamState& s, const mx::array& g, const AdamOptions& o) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::adam_step(s, g, o);
#endif
  auto mix = [](float keep, const mx::array& old, const mx::array& fresh) {
    return mx::add(mx::multiply(mx::array(keep), old), mx::multiply(mx::array(1 - keep), fresh));
  };
  mx::array m = mix(o.beta1, s.m, g);
  mx::array v = mix(o.beta2, s.v, mx::square(g));
  mx::array step = mx::divide(mx::multiply(mx::array(o.learning_rate), m),
                              mx::add(mx::sqrt(v), mx::array(o.eps)));
  return {mx::subtract(s.parameter, step), m, v};
}

}  // namespace graft::ops
