#include "graft/ops/adam.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include <cmath>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/adam.h"
#include "graft/ops/scaled.h"

namespace graft::ops {

BiasCorrection bias_correction(const AdamOptions& o) {
  if (o.corrected_step == 0) return {};
  const auto step = static_cast<double>(o.corrected_step);
  const auto rest = [&](double beta) {
    if (o.correction_in == CorrectionIn::f64) return static_cast<float>(1 - std::pow(beta, step));
    return 1 - std::pow(static_cast<float>(beta), static_cast<float>(step));
  };
  return {rest(o.beta1), rest(o.beta2)};
}

AdamState adam_step(const AdamState& s, const mx::array& g, const AdamOptions& o) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::adam_step(s, g, o);
#endif
  mx::array m = averaged(s.m, g, o.beta1);
  mx::array v = averaged(s.v, mx::square(g), o.beta2);
  const BiasCorrection c = bias_correction(o);
  mx::array step = mx::divide(mx::multiply(mx::array(o.learning_rate / c.m), m),
                              mx::add(mx::sqrt(mx::divide(v, mx::array(c.v))), mx::array(o.eps)));
  mx::array kept = mx::multiply(mx::array(1 - o.learning_rate * o.weight_decay), s.parameter);
  return {mx::subtract(kept, step), m, v};
}

}  // namespace graft::ops
