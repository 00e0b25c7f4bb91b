#include "graft/tokenizer/splitter.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using Words = std::vector<std::string>;

std::vector<Span> split(const Splitter& splitter, std::string_view text, Span stretch) {
  std::vector<Span> words, matches;
  splitter.split(text, stretch, words, matches);
  return words;
}

Words words(const Splitter& splitter, std::string_view text, Span stretch) {
  Words result;
  for (const Span& word : split(splitter, text, stretch)) {
    result.emplace_back(text.substr(word.begin, word.end - word.begin));
  }
  return result;
}

Splitter isolated(Splitter::Pattern pattern) {
  return {std::move(pattern), SplitBehavior::isolated};
}

// The splitters whose words the fixture holds, by its names.
std::map<std::string, Splitter> fixture_splitters() {
  CharacterSet digits{unicode::kNumbers}, spaces{unicode::kSpaces};
  std::map<std::string, Splitter> splitters = {
      {"gpt2", isolated(SplitRule::gpt2)},
      {"llama3", isolated(SplitRule::llama3)},
      {"qwen2", isolated(SplitRule::qwen2)},
      {"each_digit", isolated(digits)},
      {"digit_runs", {digits, SplitBehavior::contiguous}},
      {"punctuation", isolated(CharacterSet{0, unicode::kOldPunctuation})},
      {"whitespace", {SplitRule::words, SplitBehavior::removed, true}},
      {"whitespace_split", {spaces, SplitBehavior::removed}}};
  const std::pair<const char*, SplitBehavior> behaviors[] = {
      {"removed", SplitBehavior::removed},
      {"isolated", SplitBehavior::isolated},
      {"merged_with_previous", SplitBehavior::merged_with_previous},
      {"merged_with_next", SplitBehavior::merged_with_next},
      {"contiguous", SplitBehavior::contiguous}};
  regex::Regex regex(R"(\s|(?=t))", "test");
  for (const auto& [name, behavior] : behaviors) {
    for (bool invert : {false, true}) {
      std::string key = std::string(name) + (invert ? "_inverted" : "");
      splitters.insert({"string_" + key, Splitter(std::string("'"), behavior, invert)});
      splitters.insert({"regex_" + key, Splitter(regex, behavior, invert)});
    }
  }
  return splitters;
}

TEST(Splitter, CutsWhereTheReferenceCuts) {
  nlohmann::json fixture = testing::tokenizer_fixture_json("splits.json");
  auto strings = fixture["strings"].get<Words>();
  ASSERT_GT(strings.size(), 100u);
  std::map<std::string, Splitter> splitters = fixture_splitters();
  ASSERT_EQ(splitters.size() + 1, fixture.size());
  for (const auto& [name, splitter] : splitters) {
    for (size_t i = 0; i < strings.size(); ++i) {
      std::vector<Span> expected;
      for (const auto& word : fixture[name][i]) expected.push_back({word[0], word[1]});
      EXPECT_EQ(split(splitter, strings[i], {0, strings[i].size()}), expected)
          << name << ": " << strings[i];
    }
  }
}

TEST(Splitter, LooksNoFurtherThanItsStretch) {
  std::string text = "xx a  bc''s";
  EXPECT_EQ(words(isolated(SplitRule::gpt2), text, {2, 6}), (Words{" a", "  "}));
  EXPECT_EQ(words(isolated(SplitRule::gpt2), text, {2, 7}), (Words{" a", " ", " b"}));
  EXPECT_EQ(words(isolated(SplitRule::gpt2), text, {8, 10}), (Words{"''"}));
  EXPECT_EQ(words(isolated(SplitRule::gpt2), text, {9, 11}), (Words{"'s"}));
  EXPECT_EQ(words(isolated(SplitRule::llama3), text, {3, 3}), Words{});
  EXPECT_EQ(words(isolated(SplitRule::words), text, {1, 7}), (Words{"x", " ", "a", "  ", "b"}));
  EXPECT_EQ(words(isolated(std::string("c''s")), text, {7, 10}), (Words{"c''"}));
  EXPECT_EQ(words(isolated(regex::Regex("c$", "test")), text, {6, 8}), (Words{"b", "c"}));
}

TEST(Splitter, RulesDiffer) {
  std::string text = "I'LL pay 12345\r\n  now";
  Span all{0, text.size()};
  EXPECT_EQ(words(isolated(SplitRule::gpt2), text, all),
            (Words{"I", "'", "LL", " pay", " 12345", "\r\n ", " now"}));
  EXPECT_EQ(words(isolated(SplitRule::llama3), text, all),
            (Words{"I", "'LL", " pay", " ", "123", "45", "\r\n", " ", " now"}));
  EXPECT_EQ(words(isolated(SplitRule::qwen2), text, all),
            (Words{"I", "'LL", " pay", " ", "1", "2", "3", "4", "5", "\r\n", " ", " now"}));
}

TEST(Splitter, PatternsOfRulesAreKnownByTheirSpelling) {
  for (SplitRule rule : {SplitRule::gpt2, SplitRule::llama3, SplitRule::qwen2}) {
    EXPECT_EQ(split_rule_of_pattern(pattern_of(rule)), rule);
  }
  EXPECT_EQ(split_rule_of_pattern("\\s+"), std::nullopt);
}

}  // namespace
}  // namespace graft::tokenizer
