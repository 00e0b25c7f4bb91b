#include "graft/training/gradients.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <cmath>

#include "graft/lora/adapters.h"
#include "graft/models/registry.h"
#include "graft/training/evaluation.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"

namespace graft::training {
namespace {

class GradientsTest : public ::testing::Test {
 protected:
  GradientsTest() {
    mx::random::seed(11);
    model_ = models::load_model(io::ModelFolder::open(testing::fixture("llama/base")));
    lora::LoraSettings settings{.rank = 4, .scale = 4, .num_layers = -1, .keys = {"all"}};
    adapters_.emplace(lora::attach(*model_, settings));
    // A fresh adapter's b is zero, and a has no gradient.
    std::vector<mx::array> values;
    for (const mx::array& v : parameters().values()) {
      values.push_back(mx::multiply(mx::random::normal(v.shape()), mx::array(0.1f)));
    }
    mx::eval(values);
    parameters().set(values);
    for (int i = 0; i < 5; ++i) {
      data::Example example;
      for (int t = 0; t < 5 + i; ++t) example.ids.push_back((7 * i + 3 * t) % 60 + 1);
      examples_.push_back(example);
    }
  }

  const models::ParameterSet& parameters() { return adapters_->parameters(); }
  data::Batch batch(const std::vector<size_t>& examples) {
    data::Dataset set;
    for (const data::Example& example : examples_) set.examples.push_back(example);
    return make_batch(set, examples);
  }

  // Of these examples, so many a batch.
  Evaluation evaluation_of(const std::vector<size_t>& examples, int batch_size) {
    data::Dataset set;
    for (const size_t i : examples) set.examples.push_back(examples_[i]);
    return evaluate(models::LayerRunner(*model_), data::EvaluationBatches(set, batch_size, -1));
  }

  // Of batches that are summed, evaluated.
  Gradients of(const std::vector<data::Batch>& batches) {
    double weight = 0;
    for (const data::Batch& one : batches) weight += one.weight();
    Gradients gradients(parameters(), weight);
    const models::LayerRunner runner(*model_);
    for (const data::Batch& one : batches) gradients.add(CrossEntropy(), runner, one, {});
    mx::eval(gradients.arrays());
    return gradients;
  }

  static void expect_near(const Gradients& a, const Gradients& b) {
    EXPECT_NEAR(mx::array(a.loss()).item<float>(), mx::array(b.loss()).item<float>(), 1e-5);
    for (size_t i = 0; i < a.arrays().size(); ++i) {
      EXPECT_LT(testing::distance(a.arrays()[i], b.arrays()[i]), 1e-5) << "array " << i;
    }
  }

  static double norm_of(const Gradients& gradients) {
    double sum = 0;
    for (const mx::array& g : gradients.arrays()) sum += mx::sum(mx::square(g)).item<float>();
    return std::sqrt(sum);
  }

  std::unique_ptr<models::Model> model_;
  std::optional<lora::Adapters> adapters_;
  std::vector<data::Example> examples_;
};

TEST_F(GradientsTest, BatchesOfAGroupSumToThatOfOneBatch) {
  expect_near(of({batch({0, 3}), batch({1}), batch({2, 4})}), of({batch({0, 3, 1, 2, 4})}));
}

TEST_F(GradientsTest, AreThoseOfTheMeanLoss) {
  const auto loss = [this] { return evaluation_of({0, 3, 1, 2}, 2).loss; };
  const Gradients gradients = of({batch({0, 3}), batch({1, 2})});
  EXPECT_NEAR(mx::array(gradients.loss()).item<float>(), loss(), 1e-5);
  // Along the gradient the loss changes by its squared norm.
  const std::vector<mx::array> values = parameters().values();
  const float step = 1e-3f / static_cast<float>(norm_of(gradients));
  const auto loss_at = [&](float distance) {
    std::vector<mx::array> moved;
    for (size_t i = 0; i < values.size(); ++i) {
      moved.push_back(mx::add(values[i], mx::multiply(gradients.arrays()[i], mx::array(distance))));
    }
    mx::eval(moved);
    parameters().set(moved);
    return loss();
  };
  const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
  EXPECT_NEAR(slope, std::pow(norm_of(gradients), 2), 0.02 * slope);
}

TEST_F(GradientsTest, ATokenCountsByItsWeight) {
  // An example that is masked is as one that is not there.
  examples_[1].weights.assign(examples_[1].ids.size(), 0.0f);
  expect_near(of({batch({0, 1, 2})}), of({batch({0, 2})}));
  // Among batches too, the second of which carries nothing.
  expect_near(of({batch({0}), batch({1}), batch({2})}), of({batch({0, 2})}));
  // One that weighs two is as two of it.
  examples_[3].weights.assign(examples_[3].ids.size(), 2.0f);
  const data::Batch weighted = batch({0, 3});
  examples_[3].weights.clear();
  expect_near(of({weighted}), of({batch({0, 3, 3})}));
}

TEST_F(GradientsTest, AGroupWithoutLossHasNoGradient) {
  examples_[1].weights.assign(examples_[1].ids.size(), 0.0f);
  Gradients none = of({batch({1})});
  EXPECT_EQ(mx::array(none.loss()).item<float>(), 0);
  EXPECT_EQ(norm_of(none), 0);
  none.clip(1);
  EXPECT_EQ(norm_of(none), 0);
}

TEST_F(GradientsTest, AreClippedTogetherToANorm) {
  const Gradients whole = of({batch({0, 1})});
  Gradients clipped = whole, kept = whole;
  const double norm = norm_of(whole);
  clipped.clip(static_cast<float>(norm / 3));
  kept.clip(static_cast<float>(norm * 3));
  EXPECT_NEAR(norm_of(clipped), norm / 3, 1e-5 * norm);
  for (size_t i = 0; i < whole.arrays().size(); ++i) {
    EXPECT_EQ(testing::distance(kept.arrays()[i], whole.arrays()[i]), 0);
    const mx::array third = mx::multiply(whole.arrays()[i], mx::array(1.0f / 3));
    EXPECT_LT(testing::distance(clipped.arrays()[i], third), 1e-6);
  }
}

TEST_F(GradientsTest, WhoseSquaresOverflowAreClippedAndNotLost) {
  examples_[0].weights.assign(examples_[0].ids.size(), 1e25f);
  Gradients large(parameters(), 1);
  large.add(CrossEntropy(), models::LayerRunner(*model_), batch({0}), {});
  large.clip(2);
  EXPECT_NEAR(norm_of(large), 2, 1e-4);
}

TEST_F(GradientsTest, AnEvaluationWeighsTokensToo) {
  examples_[1].weights = {9, 0, 0, 1, 0.5f, 0};
  const data::Batch one = batch({0, 1});
  const models::LayerRunner runner(*model_);
  mx::array losses = CrossEntropy()(runner, one, {}).losses;
  losses.eval();
  double sum = 0;
  for (size_t i = 0; i < one.weights.size(); ++i) {
    sum += one.weights[i] * losses.data<float>()[i];
  }
  const Evaluation both = evaluation_of({0, 1}, 2);
  EXPECT_EQ(both.weight, 5.5);
  EXPECT_NEAR(both.loss, sum / 5.5, 1e-5);
  EXPECT_NEAR(evaluation_of({0, 1}, 1).loss, both.loss, 1e-5);

  examples_[1].weights.assign(examples_[1].ids.size(), 0.0f);
  EXPECT_NEAR(evaluation_of({0, 1}, 1).loss, evaluation_of({0}, 1).loss, 1e-6);
  testing::expect_error([&] { evaluation_of({1}, 1); }, "no token");
}

}  // namespace
}  // namespace graft::training
