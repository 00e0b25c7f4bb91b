#include "graft/tokenizer/split.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/tokenizer_fixtures.h"

namespace graft {
namespace {

const std::map<std::string, SplitRule> kRules = {{"gpt2", SplitRule::gpt2},
                                                 {"llama3", SplitRule::llama3},
                                                 {"qwen2", SplitRule::qwen2},
                                                 {"each_digit", SplitRule::each_digit},
                                                 {"digit_runs", SplitRule::digit_runs}};

TEST(Split, CutsWhereTheReferenceCuts) {
  nlohmann::json fixture = testing::tokenizer_fixture_json("splits.json");
  auto strings = fixture["strings"].get<std::vector<std::string>>();
  ASSERT_GT(strings.size(), 100u);
  for (const auto& [name, rule] : kRules) {
    for (size_t i = 0; i < strings.size(); ++i) {
      std::vector<size_t> ends;
      split_words(rule, strings[i], 0, strings[i].size(), ends);
      EXPECT_EQ(ends, fixture[name][i].get<std::vector<size_t>>()) << name << ": " << strings[i];
    }
  }
}

std::vector<std::string> words(SplitRule rule, std::string_view text, size_t begin, size_t end) {
  std::vector<size_t> ends;
  split_words(rule, text, begin, end, ends);
  std::vector<std::string> result;
  for (size_t stop : ends) {
    result.emplace_back(text.substr(begin, stop - begin));
    begin = stop;
  }
  return result;
}

using Words = std::vector<std::string>;

TEST(Split, LooksNoFurtherThanItsStretch) {
  std::string text = "xx a  bc''s";
  EXPECT_EQ(words(SplitRule::gpt2, text, 2, 6), (Words{" a", "  "}));
  EXPECT_EQ(words(SplitRule::gpt2, text, 2, 7), (Words{" a", " ", " b"}));
  EXPECT_EQ(words(SplitRule::gpt2, text, 8, 10), (Words{"''"}));
  EXPECT_EQ(words(SplitRule::gpt2, text, 9, 11), (Words{"'s"}));
  EXPECT_EQ(words(SplitRule::llama3, text, 3, 3), Words{});
}

TEST(Split, KindsDiffer) {
  std::string text = "I'LL pay 12345\r\n  now";
  size_t end = text.size();
  EXPECT_EQ(words(SplitRule::gpt2, text, 0, end),
            (Words{"I", "'", "LL", " pay", " 12345", "\r\n ", " now"}));
  EXPECT_EQ(words(SplitRule::llama3, text, 0, end),
            (Words{"I", "'LL", " pay", " ", "123", "45", "\r\n", " ", " now"}));
  EXPECT_EQ(words(SplitRule::qwen2, text, 0, end),
            (Words{"I", "'LL", " pay", " ", "1", "2", "3", "4", "5", "\r\n", " ", " now"}));
}

TEST(Split, PatternsAreKnownByTheirSpelling) {
  for (SplitRule rule : {SplitRule::gpt2, SplitRule::llama3, SplitRule::qwen2}) {
    EXPECT_EQ(split_rule_of_pattern(pattern_of(rule)), rule);
  }
  EXPECT_EQ(split_rule_of_pattern("\\s+"), std::nullopt);
}

}  // namespace
}  // namespace graft
