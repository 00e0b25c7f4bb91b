#include "graft/data/batch.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/data/numbered_dataset.h"
#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

TEST(MakeBatch, ShiftsTargetsWithinEachExample) {
  Dataset set = numbered(1);
  set.examples.push_back({.ids = {7, 8}, .weights = {9, 0.5f}});
  Batch batch = make_batch(set, {0, 1});
  EXPECT_EQ(batch.inputs, (std::vector<int32_t>{0, 1, 7}));
  EXPECT_EQ(batch.targets, (std::vector<int32_t>{1, 2, 8}));
  EXPECT_EQ(batch.offsets, (std::vector<int64_t>{0, 2, 3}));
  EXPECT_EQ(batch.tokens(), 3);
  EXPECT_EQ(batch.weights, (std::vector<float>{1, 1, 0.5f}));  // the first token's is none's
  EXPECT_EQ(batch.weight(), 2.5);
}

TEST(EvaluationBatches, KeepTheLastSmallerOne) {
  const Dataset set = numbered(10);
  const EvaluationBatches batches(set, 4, -1);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].examples, (std::vector<size_t>{0, 1, 2, 3}));
  EXPECT_EQ(batches[2].examples, (std::vector<size_t>{8, 9}));
  EXPECT_EQ(EvaluationBatches(set, 5, -1).size(), 2u);
  EXPECT_EQ(EvaluationBatches(set, 4, 2).size(), 2u);
  EXPECT_EQ(EvaluationBatches(set, 100, 5).size(), 1u);
  EXPECT_TRUE(EvaluationBatches(set, 4, 0).empty());
  const Dataset none;
  EXPECT_TRUE(EvaluationBatches(none, 4, -1).empty());
}

TEST(EvaluationBatches, KnowTheirTokensWithoutThem) {
  const Dataset set = numbered(5);
  for (const int64_t most : {kWhole, int64_t{2}}) {
    const EvaluationBatches batches(set, 2, -1, most);
    for (size_t i = 0; i < batches.size(); ++i) EXPECT_EQ(batches.tokens(i), batches[i].tokens());
  }
  EXPECT_EQ(EvaluationBatches(set, 2, -1, 2).tokens(0), 2);
}

// A token that the totals do not know is an error of the batch that has it, so that it tells when
// a batch is made.
TEST(EvaluationBatches, AreMadeOneAtATime) {
  const std::vector<int32_t> ids = {1, 2, 1, 2, 1, 99};
  const std::vector<ExampleEntry> entries = {{.ids_end = 2, .runs_end = 0, .line = 1, .file = 0},
                                             {.ids_end = 4, .runs_end = 0, .line = 2, .file = 0},
                                             {.ids_end = 6, .runs_end = 0, .line = 3, .file = 0}};
  Dataset set{.name = "some.jsonl"};
  set.examples = Examples({ids, {}, entries}, {.tokens = 6, .ids = {false, true, true}},
                          std::make_shared<int>());
  const EvaluationBatches batches(set, 1, -1);
  EXPECT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[1].targets, (std::vector<int32_t>{2}));
  EXPECT_EQ(batches.tokens(2), 1);
  testing::expect_error([&] { (void)batches[2]; }, "some.jsonl:3: token 99");
}

}  // namespace
}  // namespace graft::data
