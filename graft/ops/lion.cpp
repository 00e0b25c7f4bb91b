#include "graft/ops/lion.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/lion.h"
#include "graft/ops/scaled.h"

namespace graft::ops {

LionState lion_step(const LionState& s, const mx::array& g, const LionOptions& o) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::lion_step(s, g, o);
#endif
  const mx::array kept = mx::multiply(mx::array(1 - o.learning_rate * o.weight_decay), s.parameter);
  const mx::array step =
      mx::multiply(mx::array(o.learning_rate), mx::sign(averaged(s.m, g, o.beta1)));
  return {mx::subtract(kept, step), averaged(s.m, g, o.beta2)};
}

}  // namespace graft::ops
