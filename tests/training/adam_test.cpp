#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>
#include <utility>

#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "graft/training/optimizer.h"
#include "tests/support/paths.h"

namespace graft::training {
namespace {

// 1.5 p^2 - slope p of one number p, whatever the batch.
class Parabola final : public Objective {
 public:
  Parabola(const mx::array& p, float slope) : p_(p), slope_(slope) {}

  Loss operator()(const models::LayerRunner&, const data::Batch&,
                  const ObjectiveOptions&) const override {
    const mx::array loss = mx::subtract(mx::multiply(mx::array(1.5f), mx::square(p_)),
                                        mx::multiply(mx::array(slope_), p_));
    return {mx::sum(loss), loss};
  }

 private:
  const mx::array& p_;
  float slope_;
};

// Its descent from p = 2, with another slope at each step.
class Descent {
 public:
  explicit Descent(const AdamConfig& config)
      : optimizer_(make_adam(config)), state_(optimizer_->start(parameters_)) {}

  // Gives p, and the gradient that led there.
  std::pair<double, double> step(float rate) {
    const float slope = 1 + 0.1f * static_cast<float>(state_.step);
    Gradients gradients(parameters_, 1);
    gradients.add(Parabola(p_, slope), models::LayerRunner(*model_), {}, {});
    state_ = optimizer_->update(state_, gradients, rate);
    mx::eval(state_.arrays());
    parameters_.set(state_.parameters);
    return {p_.item<float>(), mx::array(gradients.arrays()[0]).item<float>()};
  }

  int64_t steps() const { return state_.step; }

 private:
  std::unique_ptr<models::Model> model_ =
      models::load_model(io::ModelFolder::open(testing::fixture("llama/base")));
  mx::array p_ = mx::array({2.0f});
  models::ParameterSet parameters_{{{"p", 0, &p_}}};
  std::unique_ptr<Optimizer> optimizer_;
  TrainState state_;
};

// torch.optim.AdamW's rule (its documentation's pseudocode), in double; without correction MLX's.
void expect_rule(const AdamConfig& c) {
  for (const ops::Kernels kernels : {ops::Kernels::own, ops::Kernels::mlx}) {
    const ops::KernelsScope scope(kernels);
    Descent descent(c);
    double p = 2, m = 0, v = 0;
    for (int step = 1; step <= 20; ++step) {
      const float rate = 0.05f / static_cast<float>(step);
      const auto [found, g] = descent.step(rate);
      m = double{c.beta1} * m + (1 - double{c.beta1}) * g;
      v = double{c.beta2} * v + (1 - double{c.beta2}) * g * g;
      const double m_hat = c.bias_correction ? m / (1 - std::pow(double{c.beta1}, step)) : m;
      const double v_hat = c.bias_correction ? v / (1 - std::pow(double{c.beta2}, step)) : v;
      p -= double{rate} * double{c.weight_decay} * p;
      p -= double{rate} * m_hat / (std::sqrt(v_hat) + double{c.eps});
      ASSERT_NEAR(found, p, 1e-5) << step;
    }
    EXPECT_EQ(descent.steps(), 20);
  }
}

TEST(Adam, FollowsMlxsRuleByDefault) { expect_rule({}); }

TEST(Adam, CorrectsBiasAndDecaysWeightsAsAdamWDoes) {
  expect_rule({.weight_decay = 0.3f, .bias_correction = true});
  expect_rule({.beta1 = 0.8f, .beta2 = 0.99f, .eps = 1e-4f, .weight_decay = 0.1f});
}

}  // namespace
}  // namespace graft::training
