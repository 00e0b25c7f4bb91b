#include "graft/data/glob.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace graft::data {
namespace {

bool within(std::string_view pattern, std::string_view name) {
  return matches_glob(pattern, name, GlobScope::within_folders);
}

bool through(std::string_view pattern, std::string_view name) {
  return matches_glob(pattern, name, GlobScope::through_folders);
}

TEST(Glob, MatchesWholeNames) {
  EXPECT_TRUE(within("data/train-*.parquet", "data/train-00000-of-00001.parquet"));
  EXPECT_FALSE(within("data/train-*.parquet", "data/train-0.parquet.lock"));
  EXPECT_FALSE(within("*.jsonl", "data/train.jsonl"));
  EXPECT_TRUE(through("*.jsonl", "data/train.jsonl"));
  EXPECT_TRUE(within("*/x*", "a/xy"));
  EXPECT_TRUE(within("a?[b-d]", "axc"));
  EXPECT_FALSE(within("a?[!b-d]", "axc"));
  EXPECT_TRUE(within("a[", "a["));
  EXPECT_TRUE(within("\\*", "*"));
  EXPECT_FALSE(within("\\*", "a"));
  EXPECT_FALSE(within("a?b", "a/b"));
  EXPECT_TRUE(within("**", "ab"));
  EXPECT_TRUE(within("", ""));
  EXPECT_FALSE(within("", "a"));
}

// The system's own, on short texts of few letters.
TEST(Glob, IsThatOfTheSystem) {
  std::mt19937 random(3);
  const auto text = [&](const std::string& letters, size_t most) {
    std::string made(random() % (most + 1), ' ');
    for (char& c : made) c = letters[random() % letters.size()];
    return made;
  };
  size_t matched = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::string pattern = text("ab/*?*", 7), name = text("ab/", 7);
    const bool in = ::fnmatch(pattern.c_str(), name.c_str(), FNM_PATHNAME) == 0;
    const bool across = ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    ASSERT_EQ(within(pattern, name), in) << pattern << " " << name;
    ASSERT_EQ(through(pattern, name), across) << pattern << " " << name;
    matched += in ? 1 : 0;
  }
  EXPECT_GT(matched, 1000u);
}

// Where each `*` may have to give way, fnmatch takes exponential time.
TEST(Glob, HostilePatternsTakeNoTime) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += "*a";
  EXPECT_FALSE(within(pattern + "b", std::string(5000, 'a')));
  EXPECT_TRUE(within(pattern, std::string(5000, 'a')));
}

}  // namespace
}  // namespace graft::data
