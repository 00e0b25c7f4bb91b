#include "graft/tokenizer/bpe_merges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "tests/support/expect_error.h"

namespace graft::tokenizer {
namespace {

using Split = std::tuple<int32_t, int32_t, int32_t>;

std::vector<Split> splits_of(const std::vector<std::string_view>& tokens) {
  std::vector<Split> splits;
  for (const TokenSplit& split : find_token_splits(tokens, "file")) {
    splits.emplace_back(split.left, split.right, split.result);
  }
  return splits;
}

TEST(BpeMerges, AreAllSplitsByResultAndLength) {
  EXPECT_EQ(splits_of({"a", "b", "ab", "abb", "bb"}),
            (std::vector<Split>{{0, 1, 2}, {0, 4, 3}, {2, 1, 3}, {1, 1, 4}}));
  EXPECT_EQ(splits_of({"aaa", "aa", "a"}), (std::vector<Split>{{2, 1, 0}, {1, 2, 0}, {2, 2, 1}}));
}

TEST(BpeMerges, LeaveEmptyTokensOut) {
  EXPECT_EQ(splits_of({"", "a", "", "aa"}), (std::vector<Split>{{1, 1, 3}}));
  EXPECT_EQ(splits_of({}), std::vector<Split>{});
}

TEST(BpeMerges, AreThoseOfALookUp) {
  std::mt19937 random(1);
  std::map<std::string, int32_t> ids;
  while (ids.size() < 400) {
    std::string token(1 + random() % 6, ' ');
    for (char& c : token) c = "ab\xFF"[random() % 3];
    ids.try_emplace(token, static_cast<int32_t>(ids.size()));
  }
  std::vector<std::string_view> tokens(ids.size());
  for (const auto& [token, id] : ids) tokens[static_cast<size_t>(id)] = token;
  std::vector<Split> expected;
  for (size_t id = 0; id < tokens.size(); ++id) {
    for (size_t size = 1; size < tokens[id].size(); ++size) {
      auto left = ids.find(std::string(tokens[id].substr(0, size)));
      auto right = ids.find(std::string(tokens[id].substr(size)));
      if (left == ids.end() || right == ids.end()) continue;
      expected.emplace_back(left->second, right->second, static_cast<int32_t>(id));
    }
  }
  EXPECT_EQ(splits_of(tokens), expected);
}

// Quadratic in the length of a token this would be 10^12 steps.
TEST(BpeMerges, TakeLinearTimeForALongToken) {
  std::string text(1'000'000, 'a');
  std::vector<std::string_view> tokens = {"a", "aa", text, std::string_view(text).substr(1)};
  EXPECT_EQ(splits_of(tokens), (std::vector<Split>{{0, 0, 1}, {0, 3, 2}, {3, 0, 2}}));
}

TEST(BpeMerges, RefuseToGrowBeyondBounds) {
  std::string text(1000, 'a');
  std::vector<std::string_view> tokens;
  for (size_t size = 1; size <= text.size(); ++size) {
    tokens.push_back(std::string_view(text).substr(0, size));
  }
  testing::expect_error([&] { find_token_splits(tokens, "file"); },
                        "file: merges of more than 134217728 bytes");
}

TEST(BpeMerges, RefuseTheSameTokenTwice) {
  testing::expect_error(
      [] {
        find_token_splits({"a", "b", "a"}, "file");
      },
      R"(file: tokens 0 and 2 are both "a")");
}

TEST(BpeMerges, AreWrittenAsPairs) {
  EXPECT_EQ(merges_json({{0, 1, 2}}, {"a b", "c", "a bc"}).dump(), R"([["a b","c"]])");
}

}  // namespace
}  // namespace graft::tokenizer
