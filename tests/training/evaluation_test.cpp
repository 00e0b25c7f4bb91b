#include "graft/training/evaluation.h"

#include <gtest/gtest.h>

#include <memory>

#include "graft/models/registry.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"

namespace graft::training {
namespace {

// Examples of two tokens, the last of which the totals do not know: its batch cannot be made.
data::Dataset damaged_at_the_end() {
  struct Arrays {
    std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6};
    std::vector<data::ExampleEntry> entries = {{.ids_end = 2, .runs_end = 0, .line = 1, .file = 0},
                                               {.ids_end = 4, .runs_end = 0, .line = 2, .file = 0},
                                               {.ids_end = 6, .runs_end = 0, .line = 3, .file = 0}};
  };
  const auto arrays = std::make_shared<const Arrays>();
  data::Dataset set{.name = "some.jsonl"};
  set.examples = data::Examples({arrays->ids, {}, arrays->entries},
                                {.tokens = 6, .ids = std::vector<bool>(5, true)}, arrays);
  return set;
}

TEST(Evaluation, MakesABatchWhenItsTurnComes) {
  const auto model = models::load_model(io::ModelFolder::open(testing::fixture("llama/base")));
  const data::Dataset set = damaged_at_the_end();
  const data::EvaluationBatches batches(set, 1, -1);
  std::vector<size_t> told;
  const auto two = [&](size_t done) {
    told.push_back(done);
    return done < 2;
  };
  const Evaluation result = evaluate(models::LayerRunner(*model), batches, two);
  EXPECT_EQ(result.loss,
            evaluate(models::LayerRunner(*model), data::EvaluationBatches(set, 1, 2)).loss);
  EXPECT_EQ(result.weight, 2);
  EXPECT_EQ(told, (std::vector<size_t>{1, 2}));
  testing::expect_error([&] { evaluate(models::LayerRunner(*model), batches); },
                        "some.jsonl:3: token 5");
}

}  // namespace
}  // namespace graft::training
