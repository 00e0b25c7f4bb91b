#include "graft/data/batch.h"

#include <gtest/gtest.h>

#include "tests/data/numbered_dataset.h"

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
  Dataset set = numbered(10);
  EXPECT_EQ(evaluation_batches(set, 4, -1).size(), 3u);
  EXPECT_EQ(evaluation_batches(set, 4, -1).back().examples, (std::vector<size_t>{8, 9}));
  EXPECT_EQ(evaluation_batches(set, 4, 2).size(), 2u);
  EXPECT_EQ(evaluation_batches(set, 100, 5).size(), 1u);
}

}  // namespace
}  // namespace graft::data
