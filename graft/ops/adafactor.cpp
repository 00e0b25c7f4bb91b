#include "graft/ops/adafactor.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/adafactor.h"
#include "graft/ops/scaled.h"

namespace graft::ops {
namespace {

mx::array root_mean_square(const mx::array& x) { return mx::sqrt(mx::mean(mx::square(x))); }

// Changes the parameter, and m where there is one, by the gradient over the root of the average of
// its squares.
void move(mx::array& parameter, std::optional<mx::array>& m, const mx::array& normalized,
          const AdafactorOptions& o) {
  mx::array step(o.rate);
  if (o.scale_parameter) {
    step = scaled(mx::maximum(mx::array(o.scale_eps), root_mean_square(parameter)), o.rate);
  }
  const mx::array excess = mx::maximum(
      mx::array(1.0f), mx::divide(root_mean_square(normalized), mx::array(o.clip_threshold)));
  mx::array update = mx::multiply(mx::divide(step, excess), normalized);
  if (m) {
    m = averaged(*m, update, o.beta1);
    update = *m;
  }
  if (o.weight_decay != 0) {
    update = mx::add(update, mx::multiply(scaled(step, o.weight_decay), parameter));
  }
  parameter = mx::subtract(parameter, update);
}

}  // namespace

AdafactorState adafactor_step(const AdafactorState& s, const mx::array& g,
                              const AdafactorOptions& o) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::adafactor_step(s, g, o);
#endif
  AdafactorState next = s;
  const mx::array squares = mx::add(mx::square(g), mx::array(o.eps));
  next.row = averaged(s.row, mx::mean(squares, -1), o.keep);
  next.col = averaged(s.col, mx::mean(squares, -2), o.keep);
  const mx::array row_factor = mx::rsqrt(mx::divide(next.row, mx::mean(next.row, -1, true)));
  const mx::array factors =
      mx::multiply(mx::expand_dims(row_factor, -1), mx::expand_dims(mx::rsqrt(next.col), -2));
  move(next.parameter, next.m, mx::multiply(factors, g), o);
  return next;
}

AdafactorVectorState adafactor_step(const AdafactorVectorState& s, const mx::array& g,
                                    const AdafactorOptions& o) {
  AdafactorVectorState next = s;
  next.v = averaged(s.v, mx::add(mx::square(g), mx::array(o.eps)), o.keep);
  move(next.parameter, next.m, mx::multiply(mx::rsqrt(next.v), g), o);
  return next;
}

}  // namespace graft::ops
