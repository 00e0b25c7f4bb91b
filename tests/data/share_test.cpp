#include "graft/data/share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace graft::data {
namespace {

// A batch of examples of these lengths; tokens are numbered from `first`.
Batch batch_of(const std::vector<int64_t>& lengths, int32_t first, int64_t row) {
  Batch batch;
  batch.offsets.push_back(0);
  for (const int64_t length : lengths) {
    batch.step_rows.push_back(row + batch.tokens());
    batch.examples.push_back(static_cast<size_t>(first) + batch.examples.size());
    for (int64_t i = 0; i < length; ++i) {
      batch.inputs.push_back(static_cast<int32_t>(row + batch.tokens()));
      batch.targets.push_back(batch.inputs.back() + 1);
      batch.weights.push_back(static_cast<float>(i % 2));
    }
    batch.offsets.push_back(batch.tokens());
  }
  return batch;
}

int64_t tokens_in(const std::vector<Batch>& batches) {
  int64_t tokens = 0;
  for (const Batch& batch : batches) tokens += batch.tokens();
  return tokens;
}

TEST(Share, EveryExampleIsOneProcessesAndItsTokensAreItsOwn) {
  const std::vector<Batch> all = {batch_of({7, 3, 11, 2}, 0, 0), batch_of({5, 5, 1}, 4, 23)};
  for (const int size : {1, 2, 3, 4, 7, 9}) {
    SCOPED_TRACE(size);
    std::multiset<size_t> examples;
    std::multiset<int32_t> inputs;
    for (int rank = 0; rank < size; ++rank) {
      for (const Batch& batch : share_of(all, rank, size)) {
        examples.insert(batch.examples.begin(), batch.examples.end());
        inputs.insert(batch.inputs.begin(), batch.inputs.end());
        ASSERT_EQ(batch.offsets.size(), batch.examples.size() + 1);
        EXPECT_LE(batch.tokens(), 23);  // the largest of all
        const std::vector<uint32_t> rows = batch.rows();
        for (size_t i = 0; i < rows.size(); ++i) {
          EXPECT_EQ(rows[i], static_cast<uint32_t>(batch.inputs[i]));
          EXPECT_EQ(batch.targets[i], batch.inputs[i] + 1);
        }
      }
    }
    EXPECT_EQ(examples, std::multiset<size_t>({0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(inputs.size(), 34u);
    EXPECT_EQ(std::set<int32_t>(inputs.begin(), inputs.end()).size(), 34u);
  }
}

TEST(Share, IsBalancedByTokens) {
  const std::vector<Batch> all = {batch_of({100, 40, 30, 30}, 0, 0)};
  EXPECT_EQ(tokens_in(share_of(all, 0, 2)), 100);
  EXPECT_EQ(tokens_in(share_of(all, 1, 2)), 100);
  // Nobody has nothing to do while another has more than the longest example asks for.
  const std::vector<Batch> even = {batch_of(std::vector<int64_t>(16, 9), 0, 0)};
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(tokens_in(share_of(even, rank, 4)), 36);
}

TEST(Share, OfOneProcessHasTheSameExamplesInTheirOrder) {
  const std::vector<Batch> all = {batch_of({7, 3}, 0, 0), batch_of({5}, 2, 10)};
  const std::vector<Batch> own = share_of(all, 0, 1);
  ASSERT_EQ(own.size(), 2u);
  EXPECT_EQ(own[0].inputs, all[0].inputs);
  EXPECT_EQ(own[1].inputs, all[1].inputs);
}

TEST(Share, WithFewerExamplesThanProcessesSomeHaveNone) {
  const std::vector<Batch> all = {batch_of({7}, 0, 0)};
  EXPECT_EQ(share_of(all, 0, 3).size(), 1u);
  EXPECT_TRUE(share_of(all, 1, 3).empty());
  EXPECT_TRUE(share_of(all, 2, 3).empty());
}

}  // namespace
}  // namespace graft::data
