#include "graft/ops/muon.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include <algorithm>
#include <cmath>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/muon.h"
#include "graft/ops/scaled.h"

namespace graft::ops {
namespace {

// The nearly orthogonal matrix that is nearest to x: all singular values between 0.7 and 1.2.
// Newton-Schulz iterations of the odd polynomial a s + b s^3 + c s^5 of the singular values s.
mx::array orthogonalized(const mx::array& x, int iterations) {
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  mx::array m = mx::reshape(x, {x.shape(0), -1});
  const bool tall = m.shape(0) > m.shape(1);  // the smaller side makes the smaller m m^T
  if (tall) m = mx::transpose(m);
  m = mx::divide(m, mx::add(mx::sqrt(mx::sum(mx::square(m))), mx::array(1e-7f)));
  for (int i = 0; i < iterations; ++i) {
    const mx::array gram = mx::matmul(m, mx::transpose(m));
    const mx::array even = mx::add(scaled(gram, b), scaled(mx::matmul(gram, gram), c));
    m = mx::add(scaled(m, a), mx::matmul(even, m));
  }
  if (tall) m = mx::transpose(m);
  return mx::reshape(m, x.shape());
}

}  // namespace

MuonState muon_step(const MuonState& s, const mx::array& gradient, const MuonOptions& o) {
  const double rows = s.parameter.shape(-2), columns = s.parameter.shape(-1);
  const float step = o.learning_rate * static_cast<float>(std::sqrt(std::max(1.0, rows / columns)));
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels() && cpu::muon_fits(s.parameter)) return cpu::muon_step(s, gradient, o, step);
#endif
  mx::array g = gradient;
  if (o.weight_decay != 0) g = mx::add(g, scaled(s.parameter, o.weight_decay));
  const mx::array fresh = scaled(g, 1 - o.momentum);
  const mx::array v = mx::add(scaled(s.v, o.momentum), fresh);
  const mx::array direction = o.nesterov ? mx::add(fresh, scaled(v, o.momentum)) : v;
  return {mx::subtract(s.parameter,
                       mx::multiply(mx::array(step), orthogonalized(direction, o.iterations))),
          v};
}

}  // namespace graft::ops
