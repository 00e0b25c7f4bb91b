#include "graft/kernels/attention_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace graft::kernels {
namespace {

AttentionShape shape_of(const Sequence& sequence, int64_t window) {
  AttentionShape shape{4, 2, 64, 1.0f};
  shape.query_rows = sequence.query_end;
  shape.key_rows = sequence.key_end;
  shape.window = window;
  return shape;
}

// The keys that queries [begin, end) see, one by one.
int64_t keys_seen(const Sequence& s, int64_t window, int64_t begin, int64_t end) {
  int64_t count = 0;
  for (int64_t query = begin; query < end; ++query) {
    const int64_t position = s.keys() - s.queries() + query;
    for (int64_t key = 0; key <= position; ++key) {
      if (window == 0 || key > position - window) ++count;
    }
  }
  return count;
}

const Sequence kSequences[] = {{0, 1, 0, 1},   {0, 300, 0, 300}, {0, 300, 0, 200},
                               {0, 1, 0, 700}, {0, 130, 0, 500}, {0, 500, 0, 500}};

TEST(AttentionPlan, AnItemCostsTheScoresOfItsQueries) {
  for (const Sequence& s : kSequences) {
    for (int64_t window : {0, 1, 50, 199, 1000}) {
      for (int threads : {1, 4}) {
        for (const AttentionItem& item : forward_items(shape_of(s, window), {&s, 1}, threads)) {
          EXPECT_EQ(item.cost,
                    static_cast<double>(keys_seen(s, window, item.query_begin, item.query_end)))
              << "queries " << item.query_begin << " to " << item.query_end << ", window "
              << window;
        }
        for (const auto& head : backward_items(shape_of(s, window), {&s, 1}, threads)) {
          for (const AttentionItem& item : head) {
            EXPECT_EQ(item.cost,
                      static_cast<double>(keys_seen(s, window, item.query_begin, item.query_end)));
          }
        }
      }
    }
  }
}

TEST(AttentionPlan, AnItemsKeysAreThoseThatItsQueriesSee) {
  for (const Sequence& s : kSequences) {
    for (int64_t window : {0, 1, 50, 199, 1000}) {
      for (const AttentionItem& item : forward_items(shape_of(s, window), {&s, 1}, 2)) {
        const int64_t last = item.past() + item.query_end - 1;
        const int64_t first = window == 0 ? 0 : item.past() + item.query_begin - window + 1;
        EXPECT_EQ(item.key_end(), std::max<int64_t>(last + 1, 0));
        EXPECT_LE(item.key_begin(), std::max<int64_t>(first, 0));
        EXPECT_GT(item.key_begin(), first - kMaxRowBlock);
        EXPECT_EQ(item.key_begin() % kMaxRowBlock, 0);
      }
    }
  }
}

TEST(AttentionPlan, PartsOfALongSequenceCostTheSame) {
  const Sequence s{0, 3000, 0, 3000};
  for (int64_t window : {0, 1, 400}) {
    for (int threads : {2, 3}) {
      for (const auto& head : backward_items(shape_of(s, window), {&s, 1}, threads)) {
        ASSERT_GE(head.size(), static_cast<size_t>(threads));
        int64_t at = 0;
        double least = head[0].cost, most = least;
        for (const AttentionItem& item : head) {
          EXPECT_EQ(item.query_begin, at);
          at = item.query_end;
          least = std::min(least, item.cost);
          most = std::max(most, item.cost);
        }
        EXPECT_EQ(at, 3000);
        // A query more or less.
        EXPECT_LE(most - least, 2.0 * (window == 0 ? 3000 : window));
      }
    }
  }
}

// With a window, a part needs sums for few keys alone: a text of which two whole sums are too large
// is cut all the same.
TEST(AttentionPlan, SumsOfPartsTakeBoundedMemory) {
  const Sequence s{0, 100000, 0, 100000};
  for (int64_t window : {0, 1000}) {
    const auto heads = backward_items(shape_of(s, window), {&s, 1}, 8);
    for (const auto& head : heads) {
      int64_t keys = 0;
      for (const AttentionItem& item : head) keys += item.key_end() - item.key_begin();
      EXPECT_LE(8 * 64 * keys, int64_t{64} << 20);
      EXPECT_EQ(head.size() > 1, window > 0);
    }
  }
}

}  // namespace
}  // namespace graft::kernels
