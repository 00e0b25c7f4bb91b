// The gradients of weights that are trained as they are, against the portable form.

#include <gtest/gtest.h>
#include <mlx/random.h>

#include <memory>
#include <vector>

#include "graft/ops/adam.h"
#include "graft/ops/embedding.h"
#include "graft/ops/expert_linear.h"
#include "graft/ops/head_loss.h"
#include "graft/ops/linear.h"
#include "graft/ops/norm.h"
#include "graft/ops/norm_of.h"
#include "tests/ops/masked_targets.h"
#include "tests/ops/of_each_type.h"
#include "tests/support/expect_error.h"

namespace graft::ops {
namespace {

class TrainedWeights : public OfEachType {
 protected:
  // As parameters are.
  static mx::array parameter(const mx::Shape& shape, float scale = 1.0f) {
    return random_array(shape, mx::float32, scale);
  }
};

Weight dense(const mx::array& weight) { return {weight, {}, {}, 0, 0}; }

TEST_P(TrainedWeights, LinearGroupWithBiasAndLora) {
  for (int rows : {1, 5, 70}) {
    SCOPED_TRACE(rows);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          const LoraUpdate update{in[5], in[6], 2.0f, {}};
          return linear(
              in[0],
              {{dense(in[1]), in[2], {}}, {dense(in[3]), {}, {}}, {dense(in[4]), {}, update}});
        },
        {random({rows, 64}), parameter({96, 64}, 0.1f), parameter({96}), parameter({33, 64}, 0.1f),
         parameter({32, 64}, 0.1f), parameter({64, 4}, 0.1f), parameter({4, 32}, 0.1f)},
        dtype(), tolerance());
  }
}

// Of groups in mode affine, beside a frozen one and an adapter.
TEST_P(TrainedWeights, ScalesAndBiasesOfGroups) {
  for (int bits : {2, 3, 4, 8}) {
    for (int rows : {1, 33}) {
      SCOPED_TRACE(fmt::format("{} bits, {} rows", bits, rows));
      const Weight w = quantized(parameter({48, 128}, 0.1f), 64, bits, mx::float32);
      const Weight frozen = quantized(parameter({32, 128}, 0.1f), 32, 4, mx::float32);
      expect_parity(
          [&](const std::vector<mx::array>& in) {
            Weight tuned = w;
            tuned.scales = in[1];
            tuned.biases = in[2];
            const LoraUpdate update{in[3], in[4], 2.0f, {}};
            return linear(in[0], {{frozen, {}, {}}, {tuned, {}, {}}, {tuned, {}, update}});
          },
          {random({rows, 128}), *w.scales, *w.biases, parameter({128, 4}, 0.1f),
           parameter({4, 48}, 0.1f)},
          dtype(), tolerance());
    }
  }
}

// One of several alone, the rest frozen.
TEST_P(TrainedWeights, LinearWithFrozenOnesBeside) {
  const mx::array x = random({9, 40}), w = random({24, 40}, 0.1f);
  expect_parity(
      [&](const std::vector<mx::array>& in) {
        const mx::array own = mx::astype(x, in[0].dtype() == dtype() ? dtype() : mx::float32);
        return linear(own, {{dense(w), {}, {}}, {dense(in[1]), {}, {}}, {dense(w), in[2], {}}});
      },
      {random({1}), parameter({30, 40}, 0.1f), parameter({24})}, dtype(), tolerance());
}

TEST_P(TrainedWeights, Norms) {
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        AddNorm r = add_rms_norm(in[0], in[1], in[2], 1e-3f);
        return {r.sum, r.normed};
      },
      {random({70, 72}), random({70, 72}), parameter({72})}, dtype(), tolerance());
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        AddNorm r = add_layer_norm(in[0], in[1], in[2], in[3], 1e-3f);
        return {r.sum, r.normed, rms_norm(in[0], in[2], 1e-5f)};
      },
      {random({13, 72}), random({13, 72}), parameter({72}), parameter({72})}, dtype(), tolerance());
  const mx::array h = random({11, 40});
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        const mx::array own = mx::astype(h, in[2].dtype());
        return {layer_norm(own, in[0], in[1], 1e-5f), layer_norm(own, in[0], {}, 1e-5f)};
      },
      {parameter({40}), parameter({40}), random({1})}, dtype(), tolerance());
}

TEST_P(TrainedWeights, EmbeddingOfIdsThatComeSeveralTimes) {
  const mx::array ids({5, 0, 89, 5, 5}, mx::int32);
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        return {embedding(ids, dense(in[0]), in[1].dtype())};
      },
      {parameter({90, 64}), random({1})}, dtype(), tolerance());
}

TEST_P(TrainedWeights, HeadAndItsBias) {
  for (int rows : {1, 30, 300}) {
    const Targets targets = masked_targets(rows, 90);
    for (float cap : {0.0f, 1.5f}) {
      const auto loss_of = [&](const std::vector<mx::array>& in, LossGradient gradient) {
        return head_loss(in[0], {dense(in[1]), in[2], cap}, targets, rows, gradient);
      };
      const std::vector<mx::array> inputs = {random({rows, 64}), parameter({90, 64}, 0.3f),
                                             parameter({90})};
      expect_parity(
          [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
            return {loss_of(in, LossGradient::of_sum).sum};
          },
          inputs, dtype(), tolerance());
      expect_parity(
          [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
            const HeadLoss loss = loss_of(in, LossGradient::of_losses);
            return {loss.losses, loss.sum};
          },
          inputs, dtype(), tolerance());
      expect_parity(
          [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
            return {
                head_loss(in[0], {dense(in[1]), {}, cap}, targets, rows, LossGradient::of_sum).sum};
          },
          {inputs[0], inputs[1]}, dtype(), tolerance());
    }
  }
}

// Of a stack in mode affine, beside a frozen one and an adapter; nobody goes to expert 1.
TEST_P(TrainedWeights, ScalesAndBiasesOfExperts) {
  const mx::array experts({0, 0, 0, 2, 2, 3}, mx::int32);
  for (int bits : {2, 3, 4, 8}) {
    SCOPED_TRACE(bits);
    std::vector<Weight> each, frozen_each;
    for (int e = 0; e < 4; ++e) {
      each.push_back(quantized(parameter({48, 128}, 0.1f), 64, bits, mx::bfloat16));
      frozen_each.push_back(quantized(parameter({32, 128}, 0.1f), 32, 4, mx::float32));
    }
    Weight stack = stacked(each);
    stack.scales = mx::astype(*stack.scales, mx::float32);
    stack.biases = mx::astype(*stack.biases, mx::float32);
    auto frozen = std::make_shared<ExpertWeights>();
    frozen->each = frozen_each;
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          auto tuned = std::make_shared<ExpertWeights>();
          tuned->each = each;
          tuned->stack = stack;
          tuned->stack->scales = in[1];
          tuned->stack->biases = in[2];
          tuned->trained = true;
          const LoraUpdate update{in[3], in[4], 2.0f, {}};
          return expert_linear(in[0], experts, {{frozen, {}}, {tuned, {}}, {tuned, update}});
        },
        {random({6, 128}), *stack.scales, *stack.biases, parameter({4, 4, 128}, 0.1f),
         parameter({4, 48, 4}, 0.1f)},
        dtype(), tolerance());
  }
}

// One array for all of them, or one each; some without rows.
TEST_P(TrainedWeights, Experts) {
  const mx::array experts({0, 0, 0, 2, 2, 3}, mx::int32);
  for (bool stacked : {true, false}) {
    SCOPED_TRACE(stacked);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          auto weights = std::make_shared<ExpertWeights>();
          weights->trained = true;
          for (size_t e = 0; e < 5; ++e) {
            weights->each.push_back(
                dense(stacked ? matrix_of(in[1], static_cast<int>(e)) : in[e + 1]));
          }
          if (stacked) weights->stack = dense(in[1]);
          const LoraUpdate update{in[in.size() - 2], in.back(), 2.0f, {}};
          return expert_linear(in[0], experts, {{weights, {}}, {weights, update}});
        },
        [&] {
          std::vector<mx::array> inputs = {random({6, 24})};
          if (stacked) inputs.push_back(parameter({5, 16, 24}, 0.3f));
          for (int e = 0; !stacked && e < 5; ++e) inputs.push_back(parameter({16, 24}, 0.3f));
          inputs.push_back(parameter({5, 2, 24}, 0.3f));
          inputs.push_back(parameter({5, 16, 2}, 0.3f));
          return inputs;
        }(),
        dtype(), tolerance());
  }
}

INSTANTIATE_TEST_SUITE_P(Types, TrainedWeights, kEachType, name_of_type);

// The integers of mode affine, and all of the other modes.
TEST(TrainedWeights, ThatAreQuantizedHaveNoGradient) {
  KernelsScope backend(Kernels::own);
  const auto parts = mx::quantize(mx::random::normal({32, 64}), 32, 4, "mxfp4");
  const auto function = [&](const std::vector<mx::array>& in) {
    const Weight weight{parts[0], in[0], {}, 4, 32, QuantizationMode::mxfp4};
    return linear(mx::ones({2, 64}), {{weight, {}, {}}});
  };
  testing::expect_error(
      [&] {
        mx::vjp(function, {parts[1]}, {mx::ones({2, 32})});
      },
      "has no gradient of input");
}

TEST(NormOf, IsThatOfThePortableForm) {
  mx::random::seed(1);
  const mx::array x = mx::multiply(mx::random::normal({70, 1000}), mx::array(1e30f));
  std::vector<float> norms;
  for (Kernels kernels : {Kernels::own, Kernels::mlx}) {
    const KernelsScope backend(kernels);
    norms.push_back(norm_of(x).item<float>());
    EXPECT_EQ(norm_of(mx::zeros({5})).item<float>(), 0.0f);
  }
  EXPECT_NEAR(norms[0] / norms[1], 1, 1e-5);
}

// What nothing else can reach is written over; what somebody holds stays.
TEST(TrainedWeights, AStepTakesTheMemoryOfTheStateBeforeIt) {
  KernelsScope backend(Kernels::own);
  const auto fresh = [] { return mx::random::uniform(0.0f, 1.0f, {512}); };
  AdamState state{fresh(), fresh(), fresh()};
  mx::eval({state.parameter, state.m, state.v});
  const mx::array gradient = mx::ones({512});
  const float* const place = state.parameter.data<float>();
  const mx::array held = state.m, before = mx::add(held, mx::array(0.0f));
  mx::eval(before);
  state = adam_step(state, gradient, {.learning_rate = 0.5f});
  mx::eval({state.parameter, state.m, state.v});
  EXPECT_EQ(state.parameter.data<float>(), place);
  EXPECT_NE(state.m.data<float>(), held.data<float>());
  EXPECT_TRUE(mx::array_equal(held, before).item<bool>());
  EXPECT_FALSE(mx::array_equal(state.m, before).item<bool>());
}

}  // namespace
}  // namespace graft::ops
