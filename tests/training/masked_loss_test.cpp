// The loss of tokens that are chosen, against PyTorch, and of examples in packed batches.
#include <gtest/gtest.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <cmath>

#include "graft/data/sampler.h"
#include "graft/lora/adapters.h"
#include "graft/models/registry.h"
#include "graft/training/evaluation.h"
#include "graft/training/lazy_step.h"
#include "tests/support/model_parity.h"
#include "tests/support/paths.h"

namespace graft::training {
namespace {

const fs::path kModel = testing::fixture("llama/base");

// Whether a target carries loss: some of them.
bool is_chosen(int64_t token) { return token % 3 == 1 || token > 20; }

TEST(MaskedLoss, IsPyTorchsOfTheChosenTokens) {
  const auto model = models::load_model(io::ModelFolder::open(kModel));
  const testing::Expected expected(kModel / "expected.safetensors");
  mx::array logits = expected.file.load("logits");
  logits.eval();
  const int vocab = logits.shape(1);
  data::Dataset set;
  double sum = 0, count = 0;
  for (const Sequence& s : expected.sequences) {
    data::Example example;
    for (int64_t i = s.query_begin; i < s.query_end; ++i) {
      example.ids.push_back(expected.ids.data<int32_t>()[i]);
      example.weights.push_back(is_chosen(i) ? 1.0f : 0.0f);
      if (i == s.query_begin || !is_chosen(i)) continue;
      // torch.nn.functional.cross_entropy with ignore_index, of the logits that PyTorch gave.
      const float* row = logits.data<float>() + (i - 1) * vocab;
      double total = 0;
      for (int v = 0; v < vocab; ++v) total += std::exp(static_cast<double>(row[v]));
      sum += std::log(total) - row[expected.ids.data<int32_t>()[i]];
      ++count;
    }
    set.examples.push_back(example);
  }
  const Evaluation result =
      evaluate(models::LayerRunner(*model), data::EvaluationBatches(set, 2, -1));
  EXPECT_EQ(result.weight, count);
  EXPECT_NEAR(result.loss, sum / count, 1e-5);
}

// A training whose steps are taken one after the other.
struct Steps {
  Steps() {
    mx::random::seed(11);
    model = models::load_model(io::ModelFolder::open(kModel));
    adapters.emplace(lora::attach(
        *model, {.rank = 4, .scale = 4, .num_layers = -1, .keys = {"q_proj", "down_proj"}}));
    state = optimizer->start(adapters->parameters());
  }

  double step(const std::vector<data::Batch>& group) {
    LazyStep lazy = lazy_step(CrossEntropy(), models::LayerRunner(*model), *optimizer,
                              adapters->parameters(), state, group, {.rate = 0.01f});
    mx::eval(lazy.results());
    state = lazy.next;
    adapters->parameters().set(state.parameters);
    return mx::array(lazy.gradients.loss()).item<float>();
  }

  std::unique_ptr<models::Model> model;
  std::optional<lora::Adapters> adapters;
  // Whose steps do not grow what rounding makes of a gradient near zero.
  std::unique_ptr<Optimizer> optimizer = make_optimizer({.name = "sgd"});
  TrainState state;
};

TEST(PackedBatches, LearnAsTheSameExamplesOneByOne) {
  data::Dataset set;
  for (int i = 0; i < 40; ++i) {
    data::Example example;
    for (int t = 0; t < 4 + i * 5 % 17; ++t) {
      example.ids.push_back((i * 7 + t * 3) % 60 + 1);
      example.weights.push_back(t > 2 && (i % 4 != 0 || t % 2 == 0) ? 1.0f : 0.0f);
    }
    set.examples.push_back(example);
  }
  data::Sampler sampler(set, {.batch_tokens = 50}, 3);
  Steps packed, single;
  const double before =
      evaluate(models::LayerRunner(*packed.model), data::EvaluationBatches(set, 8, -1)).loss;
  for (int i = 0; i < 50; ++i) {
    const std::vector<size_t> places = sampler.next_places().at(0);
    std::vector<data::Batch> one_by_one;
    for (const size_t place : places) one_by_one.push_back(data::make_batch(set, {place}));
    const double loss = packed.step({data::make_batch(set, places)});
    EXPECT_NEAR(loss, single.step(one_by_one), 1e-5 * (1 + loss)) << "step " << i;
  }
  EXPECT_LT(evaluate(models::LayerRunner(*packed.model), data::EvaluationBatches(set, 8, -1)).loss,
            before - 0.01);
}

}  // namespace
}  // namespace graft::training
