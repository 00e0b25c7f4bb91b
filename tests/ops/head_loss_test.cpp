// Head and loss: our kernels against the portable form.

#include <gtest/gtest.h>
#include <mlx/random.h>

#include <vector>

#include "graft/ops/head_loss.h"
#include "tests/ops/masked_targets.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class HeadAndLoss : public OfEachType {};

TEST_P(HeadAndLoss, HeadAndLossWithMaskedTokens) {
  for (int rows : {1, 30, 300}) {
    SCOPED_TRACE(rows);
    const Targets targets = masked_targets(rows, 90);
    for (const Weight& w :
         {Weight{random({90, 64}, 0.3f), {}, {}, 0, 0},
          quantized(random_array({90, 64}, mx::float32, 0.3f), 32, 4, mx::bfloat16)}) {
      for (const Head& head : {Head{w}, Head{w, random_array({90}, mx::float32), 1.5f}}) {
        expect_parity(
            [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
              return {head_loss(in[0], head, targets, rows, LossGradient::of_sum).sum};
            },
            {random({rows, 64})}, dtype(), tolerance());
        // The single losses under any gradient, and the sum beside them.
        expect_parity(
            [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
              HeadLoss loss = head_loss(in[0], head, targets, rows, LossGradient::of_losses);
              return {loss.losses, loss.sum};
            },
            {random({rows, 64})}, dtype(), tolerance());
        auto losses = [&](bool kernels) {
          KernelsScope backend(kernels ? Kernels::own : Kernels::mlx);
          mx::random::seed(3);
          mx::array l = head_loss(random_array({rows, 64}, kernels ? dtype() : mx::float32), head,
                                  targets, 1, LossGradient::none)
                            .losses;
          l.eval();
          return l;
        };
        EXPECT_LT(testing::distance(losses(true), losses(false)), 2 * tolerance());
        // With an adapter, whose input may be another than the head's.
        for (const bool own_input : {false, true}) {
          for (const LossGradient gradient : {LossGradient::of_sum, LossGradient::of_losses}) {
            expect_parity(
                [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
                  Head adapted = head;
                  adapted.lora = LoraUpdate{in[1], in[2], 1.5f, {}};
                  if (own_input) adapted.lora->x = mx::multiply(in[0], mx::array(2, in[0].dtype()));
                  HeadLoss loss = head_loss(in[0], adapted, targets, rows, gradient);
                  if (gradient == LossGradient::of_sum) return {loss.sum};
                  return {loss.losses, loss.sum};
                },
                {random({rows, 64}), random_array({64, 4}, mx::float32, 0.1f),
                 random_array({4, 90}, mx::float32, 0.3f)},
                dtype(), tolerance());
          }
        }
      }
    }
  }
}

TEST(HeadLoss, NoTokenThatCarriesLossGivesZero) {
  KernelsScope backend(Kernels::own);
  const Targets targets{mx::full({4}, -1, mx::int32), mx::zeros({4}, mx::float32)};
  HeadLoss loss = head_loss(mx::ones({4, 32}), {{mx::ones({50, 32}), {}, {}, 0, 0}}, targets, 1,
                            LossGradient::of_sum);
  EXPECT_EQ(loss.sum.item<float>(), 0.0f);
}

INSTANTIATE_TEST_SUITE_P(Types, HeadAndLoss, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
