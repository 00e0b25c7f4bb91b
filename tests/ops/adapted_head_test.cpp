// Divergences of heads with a low-rank update: those of the dense heads that it makes.

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "graft/ops/backend.h"
#include "graft/ops/head_divergence.h"
#include "tests/ops/gradient_parity.h"

namespace graft::ops {
namespace {

constexpr int kRows = 300;  // several chunks

class AdaptedHeads : public ::testing::TestWithParam<Kernels> {
 protected:
  AdaptedHeads() { mx::random::seed(7); }

  static Head adapted(const Head& head) {
    Head with = head;
    with.lora = LoraUpdate{random_array({64, 4}, mx::float32, 0.1f),
                           random_array({4, 90}, mx::float32, 0.3f),
                           1.5f,
                           {}};
    return with;
  }

  static Head dense(const Head& adapted) {
    const LoraUpdate& update = *adapted.lora;
    const mx::array more =
        mx::multiply(mx::array(update.scale), mx::transpose(mx::matmul(update.a, update.b)));
    return {{mx::add(adapted.weight.weight, more), {}, {}, 0, 0}, adapted.bias, adapted.soft_cap};
  }

  KernelsScope kernels_{GetParam()};
};

TEST_P(AdaptedHeads, DivergeAsTheDenseOnes) {
  const Weight w{random_array({90, 64}, mx::float32, 0.3f), {}, {}, 0, 0};
  const mx::array states = random_array({kRows, 64}, mx::float32);
  const mx::array others = random_array({kRows, 64}, mx::float32);
  const mx::array weights = mx::abs(random_array({kRows}, mx::float32));
  for (const Head& head : {Head{w}, Head{w, random_array({90}, mx::float32), 1.5f}}) {
    const Head one = adapted(head), other = adapted(head);
    const auto sum_with = [&](const Head& q, const Head& p) {
      return [&, q, p](const std::vector<mx::array>& in) {
        return std::vector<mx::array>{
            head_divergence({in[0], q}, {others, p}, weights, 7, DivergenceGradient::of_states)
                .sum};
      };
    };
    const auto found = mx::vjp(sum_with(one, other), {states}, {mx::array(1.0f)});
    const auto wanted = mx::vjp(sum_with(dense(one), dense(other)), {states}, {mx::array(1.0f)});
    EXPECT_LT(testing::distance(found.first[0], wanted.first[0]), 1e-5);
    EXPECT_LT(testing::distance(found.second[0], wanted.second[0]), 1e-5);
    // Another input of the updates, as with dropout.
    Head twice = one;
    twice.lora->x = mx::multiply(states, mx::array(2.0f));
    Head doubled = one;
    doubled.lora->scale *= 2;
    const auto tokens = [&](const Head& q) {
      return head_divergence({states, q}, {others, other}, weights, 7, DivergenceGradient::none)
          .tokens;
    };
    EXPECT_LT(testing::distance(tokens(twice), tokens(doubled)), 1e-5);
    EXPECT_GT(testing::distance(tokens(twice), tokens(one)), 1e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, AdaptedHeads, ::testing::Values(Kernels::own, Kernels::mlx),
                         [](const auto& kernels) {
                           return kernels.param == Kernels::own ? "own" : "mlx";
                         });

}  // namespace
}  // namespace graft::ops
