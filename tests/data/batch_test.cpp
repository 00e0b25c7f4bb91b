#include "graft/data/batch.h"

#include <gtest/gtest.h>

#include <map>

namespace graft::data {
namespace {

Dataset numbered(size_t count) {
  Dataset set;
  for (size_t i = 0; i < count; ++i) {
    int32_t first = static_cast<int32_t>(10 * i);
    set.examples.push_back({first, first + 1, first + 2});
    set.lines.push_back(static_cast<int64_t>(i) + 1);
  }
  return set;
}

TEST(MakeBatch, ShiftsTargetsWithinEachExample) {
  Dataset set = numbered(2);
  set.examples[1] = {7, 8};
  Batch batch = make_batch(set, {0, 1});
  EXPECT_EQ(batch.inputs, (std::vector<int32_t>{0, 1, 7}));
  EXPECT_EQ(batch.targets, (std::vector<int32_t>{1, 2, 8}));
  EXPECT_EQ(batch.offsets, (std::vector<int64_t>{0, 2, 3}));
  EXPECT_EQ(batch.tokens(), 3);
}

TEST(TrainBatches, TakeEveryExampleOnceAnEpoch) {
  Dataset set = numbered(10);
  TrainBatches batches(set, 4, 1);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::map<size_t, int> seen;
    for (size_t size : {4u, 4u, 2u}) {
      Batch batch = batches.next();
      EXPECT_EQ(batch.examples.size(), size);
      for (size_t index : batch.examples) ++seen[index];
    }
    EXPECT_EQ(seen.size(), 10u);
  }
}

TEST(TrainBatches, ComeInAnOrderThatTheSeedFixes) {
  Dataset set = numbered(50);
  auto order = [&](uint64_t seed) { return TrainBatches(set, 50, seed).next().examples; };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
  // Fixed for all machines and libraries, so that a seed means one run.
  EXPECT_EQ(TrainBatches(numbered(1), 4, 0).next().examples, (std::vector<size_t>{0}));
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
