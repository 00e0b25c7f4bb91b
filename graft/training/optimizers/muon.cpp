#include <algorithm>
#include <cmath>

#include "graft/ops/scaled.h"
#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

// The nearly orthogonal matrix that is nearest to x: all singular values between 0.7 and 1.2.
// Newton-Schulz iterations of the odd polynomial a s + b s^3 + c s^5 of the singular values s. What
// has more than two dimensions is taken as a matrix [first, all others].
mx::array orthogonalized(const mx::array& x, int iterations) {
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  mx::array m = mx::reshape(x, {x.shape(0), -1});
  const bool tall = m.shape(0) > m.shape(1);  // the smaller side makes the smaller m m^T
  if (tall) m = mx::transpose(m);
  m = mx::divide(m, mx::add(mx::sqrt(mx::sum(mx::square(m))), mx::array(1e-7f)));
  for (int i = 0; i < iterations; ++i) {
    const mx::array gram = mx::matmul(m, mx::transpose(m));
    const mx::array even = mx::add(ops::scaled(gram, b), ops::scaled(mx::matmul(gram, gram), c));
    m = mx::add(ops::scaled(m, a), mx::matmul(even, m));
  }
  if (tall) m = mx::transpose(m);
  return mx::reshape(m, x.shape());
}

// Jordan et al., kellerjordan.github.io/posts/muon, as MLX has it: in f32.
class Muon final : public Optimizer {
 public:
  explicit Muon(const MuonConfig& config)
      : config_(config), vectors_(make_adam({.weight_decay = config.weight_decay})) {}

  Moments start_of(const mx::array& parameter) const override {
    if (parameter.ndim() < 2) return vectors_->start_of(parameter);
    return {{"v", mx::zeros_like(parameter)}};
  }

  void step(const std::string& name, mx::array& parameter, Moments& moments,
            const mx::array& gradient, float rate, int64_t number) const override {
    if (parameter.ndim() < 2) {
      vectors_->step(name, parameter, moments, gradient, rate, number);
      return;
    }
    const double momentum = config_.momentum;
    mx::array g = gradient;
    if (config_.weight_decay != 0) {
      g = mx::add(g, ops::scaled(parameter, config_.weight_decay));
    }
    const mx::array fresh = ops::scaled(g, 1 - momentum);
    mx::array& v = moments.at("v");
    v = mx::add(ops::scaled(v, momentum), fresh);
    const mx::array direction = config_.nesterov ? mx::add(fresh, ops::scaled(v, momentum)) : v;
    const double rows = parameter.shape(-2), columns = parameter.shape(-1);
    const auto scale = static_cast<float>(std::sqrt(std::max(1.0, rows / columns)));
    parameter = mx::subtract(parameter, mx::multiply(mx::array(rate * scale),
                                                     orthogonalized(direction, config_.ns_steps)));
  }

 private:
  MuonConfig config_;
  std::unique_ptr<Optimizer> vectors_;
};

}  // namespace

std::unique_ptr<Optimizer> make_muon(const MuonConfig& config) {
  return std::make_unique<Muon>(config);
}

}  // namespace graft::training
