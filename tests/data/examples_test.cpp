#include "graft/data/examples.h"

#include <gtest/gtest.h>

#include "graft/base/hash.h"
#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

Examples two() {
  Examples set;
  set.push_back({.ids = {3, 5, 7}, .line = 4});
  set.push_back({.ids = {1, 2, 3, 9}, .weights = {0, 0, 1, 1}, .line = 6, .file = 1});
  return set;
}

TEST(Examples, AreAsTheyWerePut) {
  const Examples set = two();
  ASSERT_EQ(set.size(), 2u);
  EXPECT_EQ(set[1].weights(), (std::vector<float>{0, 0, 1, 1}));
  EXPECT_EQ(set[1].runs.size(), 2u);
  EXPECT_EQ(set[0].weights(), (std::vector<float>{1, 1, 1}));
  EXPECT_TRUE(set[0].runs.empty());
  EXPECT_EQ(set[1].line, 6);
  EXPECT_EQ(set[1].file, 1u);
  EXPECT_EQ(set.length(1), 4);
}

// Token caches of earlier programs hold it.
TEST(Examples, TheHashIsThatOfTheBytes) {
  const std::vector<int32_t> ids = {0, 255, 256, 0xffff, 0x10000, 0x1fedc, 0x1000000, 1};
  Examples set;
  set.push_back({.ids = ids});
  const uint64_t sizes[] = {ids.size(), 0};
  const uint64_t hash = fnv1a({reinterpret_cast<const char*>(sizes), sizeof sizes});
  EXPECT_EQ(set.totals().hash,
            fnv1a({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(int32_t)}, hash));
}

TEST(Examples, AreCounted) {
  const Totals totals = two().totals();
  EXPECT_EQ(totals.tokens, 7);
  EXPECT_EQ(totals.longest, 4);
  EXPECT_EQ(totals.trained, 4);  // the first token of the first is no target
  std::vector<int> ids;
  for (size_t i = 0; i < totals.ids.size(); ++i) {
    if (totals.ids[i]) ids.push_back(static_cast<int>(i));
  }
  EXPECT_EQ(ids, (std::vector<int>{1, 2, 3, 5, 7, 9}));
}

TEST(Examples, HashTellsTokensWeightsAndTheirOrder) {
  Examples other = two(), swapped;
  EXPECT_EQ(other.totals().hash, two().totals().hash);
  other.push_back({.ids = {1, 2}});
  EXPECT_NE(other.totals().hash, two().totals().hash);
  swapped.push_back({.ids = {1, 2, 3, 9}, .weights = {0, 0, 1, 1}});
  swapped.push_back({.ids = {3, 5, 7}});
  EXPECT_NE(swapped.totals().hash, two().totals().hash);
  Examples masked;
  masked.push_back({.ids = {3, 5, 7}});
  masked.push_back({.ids = {1, 2, 3, 9}, .weights = {0, 1, 1, 1}});
  EXPECT_NE(masked.totals().hash, two().totals().hash);
}

TEST(Examples, ElsewhereAreTheSameAndCannotGrow) {
  const auto own = std::make_shared<Examples>(two());
  Examples mapped(own->arrays(), own->totals(), own);
  EXPECT_EQ(mapped.size(), 2u);
  EXPECT_EQ(mapped[1].weights(), two()[1].weights());
  EXPECT_EQ(mapped.totals(), own->totals());
  EXPECT_THROW(mapped.push_back({.ids = {1, 2}}), std::logic_error);
}

TEST(Examples, ThatDoNotFitTheirArraysAreRefused) {
  const auto own = std::make_shared<Examples>(two());
  const auto refused = [&](auto change) {
    const ExampleArrays arrays = own->arrays();
    std::vector<ExampleEntry> entries(arrays.entries.begin(), arrays.entries.end());
    std::vector<WeightRun> runs(arrays.runs.begin(), arrays.runs.end());
    change(entries, runs);
    testing::expect_error(
        [&] {
          Examples({arrays.ids, runs, entries}, own->totals(), own);
        },
        "do not fit");
  };
  refused([](auto& entries, auto&) { entries[1].ids_end = 8; });
  refused([](auto& entries, auto&) { entries[0].ids_end = 1; });
  refused([](auto& entries, auto&) { entries[0].ids_end = 6; });
  refused([](auto& entries, auto&) { entries[1].runs_end = 3; });
  refused([](auto& entries, auto&) { entries[1].runs_end = 1; });
  refused([](auto&, auto& runs) { runs[1].end = 5; });
  refused([](auto&, auto& runs) { runs[0].end = 4; });
}

}  // namespace
}  // namespace graft::data
