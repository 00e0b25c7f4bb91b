#include "graft/launch/prefixed.h"

#include <gtest/gtest.h>

namespace graft::launch {
namespace {

TEST(PrefixedTest, LinesComeWholeHoweverTheyWereCut) {
  const std::string text = "one\ntwo\n\nthree";
  for (size_t cut = 1; cut <= text.size(); ++cut) {
    SCOPED_TRACE(cut);
    Prefixed lines("[0] ");
    std::string all;
    for (size_t begin = 0; begin < text.size(); begin += cut) {
      all += lines.take(std::string_view(text).substr(begin, cut));
      EXPECT_TRUE(all.empty() || all.back() == '\n');
    }
    EXPECT_EQ(all, "[0] one\n[0] two\n[0] \n");
    EXPECT_EQ(lines.rest(), "[0] three\n");
    EXPECT_EQ(lines.rest(), "");
  }
}

TEST(PrefixedTest, ALineWithoutEndIsCut) {
  Prefixed lines("> ");
  std::string all;
  for (int i = 0; i < 100; ++i) all += lines.take(std::string(1000, 'x'));
  EXPECT_GT(all.size(), 60000u);
  EXPECT_TRUE(all.starts_with("> x"));
}

}  // namespace
}  // namespace graft::launch
