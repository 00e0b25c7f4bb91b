#include "graft/regex/regex.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "graft/base/files.h"
#include "graft/unicode/code_point_set.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"

namespace graft::regex {
namespace {

using json = nlohmann::json;

std::vector<Span> matches(const Regex& regex, std::string_view text) {
  std::vector<Span> found;
  regex.find_all(text, found);
  return found;
}

std::vector<Span> matches(std::string_view pattern, std::string_view text) {
  return matches(Regex(pattern, "test"), text);
}

json cases() { return json::parse(read_text(testing::fixture("regex/cases.json"))); }

// The cases are the reference's: scripts/fixtures/regex_cases.py.
TEST(Regex, FindsWhatTheReferenceFinds) {
  size_t compared = 0;
  for (const json& entry : cases()) {
    Regex regex(entry["pattern"].get<std::string>(), "test");
    for (const json& text : entry["texts"]) {
      std::vector<Span> wanted;
      for (const json& match : text[1]) wanted.push_back({match[0], match[1]});
      std::vector<Span> found = matches(regex, text[0].get<std::string>());
      std::erase_if(found, [](const Span& span) { return span.begin == span.end; });
      EXPECT_EQ(found, wanted) << entry["pattern"] << " in " << text[0];
      ++compared;
    }
  }
  EXPECT_GT(compared, 900u);
}

TEST(Regex, EmptyMatchesStandBetweenOthersOnly) {
  EXPECT_EQ(matches("a*", "baac"), (std::vector<Span>{{0, 0}, {1, 3}, {4, 4}}));
  EXPECT_EQ(matches("a*", ""), (std::vector<Span>{{0, 0}}));
  EXPECT_EQ(matches("", "é!"), (std::vector<Span>{{0, 0}, {2, 2}, {3, 3}}));
}

TEST(Regex, TimeIsLinearInTheLengthOfARun) {
  for (std::string run : {std::string(1 << 20, 'a'), std::string(1 << 20, ' '),
                          std::string(1 << 20, '1'), std::string(1 << 20, '!')}) {
    for (const json& entry : cases()) {
      if (entry["texts"].size() < 20) break;  // the well-known patterns come first
      std::string pattern = entry["pattern"];
      if (pattern.starts_with("\\d")) continue;  // looks ahead to the end of the run at each place
      matches(pattern, run + "b");
    }
  }
}

TEST(Regex, GivesUpOnAPatternThatTakesForever) {
  Regex regex("(a+)+$", "the file");
  testing::expect_error(
      [&] { matches(regex, std::string(64, 'a') + "b"); },
      "the file: the regular expression \"(a+)+$\" gives up on a text of 65 characters: "
      "match limit exceeded");
}

TEST(Regex, LongRepeatsOfGroupsFit) {
  std::string text(1 << 20, 'a');
  EXPECT_EQ(matches("(?:a|b)+", text), (std::vector<Span>{{0, text.size()}}));
}

TEST(Regex, ThreadsShareAPattern) {
  Regex regex(R"(\p{L}+)", "test");
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "wörter und ";
  std::vector<Span> wanted = matches(regex, text), found[4];
  std::vector<std::thread> threads;
  for (auto& mine : found) threads.emplace_back([&] { mine = matches(regex, text); });
  for (std::thread& thread : threads) thread.join();
  for (auto& mine : found) EXPECT_EQ(mine, wanted);
  EXPECT_EQ(wanted.size(), 2000u);
}

struct Refusal {
  std::string pattern, problem;
};

TEST(Regex, WhatDoesNotCompileIsRefusedWithItsPlace) {
  for (const auto& [pattern, problem] : std::vector<Refusal>{
           {"(a", "has a ( without its ) (at byte 0)"},
           {"a)", "has a ) without its ( (at byte 1)"},
           {"b[a", "has a [ without its ] (at byte 1)"},
           {"[]", "has an empty class (at byte 0)"},
           {"*a", "repeats nothing (at byte 0)"},
           {"a|{1}", "repeats nothing (at byte 2)"},
           {"^*", "repeats an assertion (at byte 2)"},
           {"[z-a]", "has an empty range (at byte 1)"},
           {"[\\w-a]", "has a range that begins with a class (at byte 1)"},
           {"a\\", "ends in a backslash (at byte 1)"},
           {"\\x{110000}", "names a character that does not exist (at byte 0)"},
           {"\\p{L", "has \\p{ without a } (at byte 0)"},
           {"(?#", "has a comment without an end (at byte 3)"},
           {"\xFF", "is no valid UTF-8 (at byte 0)"},
       }) {
    testing::expect_error([&] { Regex(pattern, "f.json: x"); },
                          "f.json: x: the regular expression \"" + pattern + "\" " + problem);
  }
}

TEST(Regex, WhatIsNotSupportedIsRefusedByName) {
  for (const auto& [pattern, what] : std::vector<Refusal>{
           {"(a)\\1", "\\1 (at byte 3)"},
           {"\\K", "\\K (at byte 0)"},
           {"\\X", "\\X (at byte 0)"},
           {"(?x) a", "the option x (at byte 2)"},
           {"(?~a)", "a group of an unknown kind (at byte 0)"},
           {"(*FAIL)", "a callout (at byte 0)"},
           {"\\p{Klingon}", "the property \"Klingon\" (at byte 0)"},
           {"[[:foo:]]", "the class [:foo:] (at byte 1)"},
           {"(?i:é)", "a letter beyond ASCII under (?i) (at byte 4)"},
           {"(?i)ss", "letters under (?i) that Unicode also has as one character (at byte 5)"},
           {"(?i:[\\p{Lu}])", "\\p in a class under (?i) (at byte 5)"},
           {"a{70000}", "a repeat of more than 65535 (at byte 1)"},
           {"a{3,2}", "a repeat with its limits swapped (at byte 1)"},
       }) {
    testing::expect_error(
        [&] { Regex(pattern, "f"); },
        "f: the regular expression \"" + pattern + "\" has " + what + ", which is not supported");
  }
}

TEST(Regex, HostilePatternsAreBounded) {
  testing::expect_error([&] { Regex(std::string(100'000, '('), "f"); }, "longer than the limit");
  testing::expect_error([&] { Regex(std::string(1000, '('), "f"); }, "is nested too deep");
  testing::expect_error([&] { Regex(std::string(1000, '['), "f"); }, "is nested too deep");
  std::string classes;
  for (int i = 0; i < 20'000; ++i) classes += "\\w";
  testing::expect_error([&] { Regex(classes, "f"); }, "has too many or too large classes");
  testing::expect_error([&] { Regex("[" + classes + "]", "f"); },
                        "has too many or too large classes");
  std::string characters;
  for (uint32_t c = 0x4E00; c < 0x4F00; ++c) unicode::append_utf8(characters, c);
  testing::expect_error([&] { Regex(characters, "f"); },
                        "tells more than 255 kinds of characters apart");
  testing::expect_error([&] { Regex("((((a{9999}){9999}){9999}){9999})", "f"); },
                        "is not supported: ");
}

TEST(CodePointSet, DoesTheAlgebraOfSets) {
  using unicode::CodePointSet;
  CodePointSet set({{5, 9}, {1, 2}, {3, 3}, {8, 12}});
  ASSERT_EQ(set.ranges().size(), 2u);  // 1-3, 5-12
  EXPECT_TRUE(set.contains(1) && set.contains(3) && set.contains(5) && set.contains(12));
  EXPECT_FALSE(set.contains(0) || set.contains(4) || set.contains(13));
  CodePointSet outside = set.complement();
  for (uint32_t c = 0; c < 20; ++c) EXPECT_NE(set.contains(c), outside.contains(c)) << c;
  EXPECT_TRUE(outside.contains(0x10FFFF));
  EXPECT_TRUE(set.intersected(outside).ranges().empty());
  EXPECT_EQ(set.united(outside).ranges().size(), 1u);
  EXPECT_EQ(CodePointSet::all().complement().ranges().size(), 0u);
}

}  // namespace
}  // namespace graft::regex
