#include "graft/ops/head_divergence.h"

#include <gtest/gtest.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <cmath>

#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class HeadDivergenceOf : public OfEachType {};

Head head_of(const mx::array& weight, float soft_cap = 0) {
  return {.weight = {weight, {}, {}, 0, 0}, .soft_cap = soft_cap};
}

// More tokens than are done at once, and some that count for nothing.
TEST_P(HeadDivergenceOf, SumAndGradientAgreeWithThePortableForm) {
  const mx::array weight = random({50, 24}, 0.3f), other = random({50, 24}, 0.3f);
  const mx::array wanted = random({300, 24});
  const mx::array weights =
      mx::astype(mx::greater(mx::random::uniform({300}), mx::array(0.3f)), mx::float32);
  for (const float soft_cap : {0.0f, 5.0f}) {
    SCOPED_TRACE(soft_cap);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          const auto as = [&](const mx::array& x) { return mx::astype(x, in[0].dtype()); };
          const Head predicting = head_of(as(weight), soft_cap), right = head_of(as(other));
          return std::vector<mx::array>{head_divergence({in[0], predicting}, {as(wanted), right},
                                                        weights, 7, DivergenceGradient::of_states)
                                            .sum};
        },
        {random({300, 24})}, dtype(), tolerance());
  }
}

// Of scales and biases of a quantized head, too, over all chunks of tokens.
TEST_P(HeadDivergenceOf, GradientsOfScalesAgreeWithThePortableForm) {
  const Weight weight = quantized(random_array({64, 64}, mx::float32, 0.3f), 32, 4, mx::float32);
  const mx::array other = random({64, 64}, 0.3f), wanted = random({300, 64});
  const mx::array weights =
      mx::astype(mx::greater(mx::random::uniform({300}), mx::array(0.3f)), mx::float32);
  for (const float soft_cap : {0.0f, 5.0f}) {
    SCOPED_TRACE(soft_cap);
    const auto sum_of = [&](const mx::array& states, const std::vector<mx::array>& in) {
      Head predicting{.weight = weight, .soft_cap = soft_cap};
      predicting.weight.scales = in[0];
      predicting.weight.biases = in[1];
      const mx::array as_states = mx::astype(wanted, states.dtype());
      const Head right = head_of(mx::astype(other, states.dtype()));
      return head_divergence({states, predicting}, {as_states, right}, weights, 7,
                             DivergenceGradient::of_states_and_scales)
          .sum;
    };
    const mx::array states = mx::astype(random({300, 64}), dtype());
    const auto all = [&](const std::vector<mx::array>& in) {
      return std::vector<mx::array>{sum_of(in[0], {in[1], in[2]})};
    };
    const auto [values, found] =
        mx::vjp(all, {states, *weight.scales, *weight.biases}, {mx::array(1.0f)});
    ASSERT_EQ(found.size(), 3u);
    // Along a direction the change is what the gradient says.
    for (size_t i = 1; i < 3; ++i) {
      const mx::array& at = i == 1 ? *weight.scales : *weight.biases;
      const mx::array step = mx::multiply(mx::array(2e-3f), random(at.shape(), 1.0f));
      const auto moved = [&](float by) {
        std::vector<mx::array> in = {*weight.scales, *weight.biases};
        in[i - 1] = mx::add(at, mx::multiply(mx::array(by), step));
        return sum_of(mx::astype(states, mx::float32), in);
      };
      mx::array change = mx::subtract(moved(1), moved(-1));
      mx::array by_gradient = mx::multiply(mx::array(2.0f), mx::sum(mx::multiply(found[i], step)));
      EXPECT_NEAR(change.item<float>(), by_gradient.item<float>(),
                  std::abs(change.item<float>()) * (dtype() == mx::float32 ? 0.01 : 0.05) + 1e-3)
          << i;
    }
  }
}

// By plain arithmetic, and against differences.
TEST(HeadDivergence, IsTheKullbackLeiblerDivergence) {
  mx::random::seed(3);
  const mx::array w = random_array({40, 16}, mx::float32, 0.3f);
  const mx::array h = random_array({6, 16}, mx::float32), t = random_array({6, 16}, mx::float32);
  const Head head = head_of(w);
  const mx::array weights = mx::array({1.0f, 0.0f, 2.0f, 1.0f, 0.5f, 1.0f});
  const auto sum_at = [&](const mx::array& states) {
    return head_divergence({states, head}, {t, head}, weights, 2, DivergenceGradient::none).sum;
  };
  const auto p = mx::softmax(mx::matmul(t, mx::transpose(w)), -1);
  const auto q = mx::softmax(mx::matmul(h, mx::transpose(w)), -1);
  const mx::array each = mx::sum(mx::multiply(p, mx::log(mx::divide(p, q))), 1);
  mx::array expected = mx::divide(mx::sum(mx::multiply(each, weights)), mx::array(2.0f));
  mx::array found = sum_at(h);
  EXPECT_NEAR(found.item<float>(), expected.item<float>(), 1e-5);
  const auto gradient = mx::grad([&](const mx::array& states) {
    return head_divergence({states, head}, {t, head}, weights, 2, DivergenceGradient::of_states)
        .sum;
  })(h);
  const mx::array step = mx::multiply(mx::array(1e-2f), random_array({6, 16}, mx::float32));
  mx::array moved = mx::subtract(sum_at(mx::add(h, step)), sum_at(mx::subtract(h, step)));
  mx::array by_gradient = mx::multiply(mx::array(2.0f), mx::sum(mx::multiply(gradient, step)));
  EXPECT_NEAR(moved.item<float>(), by_gradient.item<float>(), 2e-4);
  mx::array none = head_divergence({t, head}, {t, head}, weights, 2, DivergenceGradient::none).sum;
  EXPECT_NEAR(none.item<float>(), 0, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Types, HeadDivergenceOf, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
