#include "graft/base/terminal.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace graft {
namespace {

TEST(ProgressBar, FillsUp) {
  EXPECT_EQ(progress_bar(0, 4), "[>   ]");
  EXPECT_EQ(progress_bar(0.5, 4), "[==> ]");
  EXPECT_EQ(progress_bar(1, 4), "[====]");
  EXPECT_EQ(progress_bar(7, 4), "[====]");
}

TEST(ProgressLine, LeavesTheFieldsWhole) {
  EXPECT_EQ(progress_line(0.5, {"half"}, 100), "[==========>         ] half");
  EXPECT_EQ(progress_line(0.5, {"half"}, 11), "[==> ] half");
  EXPECT_EQ(progress_line(0.5, {"half"}, 10), "half");
  EXPECT_EQ(progress_line(0.5, {"half"}, 1), "half");
}

TEST(ProgressLine, LeavesOutTheLastFieldsThatHaveNoRoom) {
  EXPECT_EQ(progress_line(0.5, {"1/2", "loss 1", "5 s"}, 23), "[==> ] 1/2  loss 1  5 s");
  EXPECT_EQ(progress_line(0.5, {"1/2", "loss 1", "5 s"}, 16), "1/2  loss 1  5 s");
  EXPECT_EQ(progress_line(0.5, {"1/2", "loss 1", "5 s"}, 15), "1/2  loss 1");
  EXPECT_EQ(progress_line(0.5, {"1/2", "loss 1", "5 s"}, 10), "[==> ] 1/2");
  EXPECT_EQ(progress_line(0.5, {"1/2", "loss 1"}, 2), "1/2");
}

TEST(ProgressLine, HasACurveWhereThereIsRoom) {
  const std::vector<double> curve = {3, 2, 1};
  EXPECT_EQ(progress_line(0.5, {"half"}, curve, 100), "[==========>         ] half  █▅▁");
  std::vector<double> many(100, 1);
  many[0] = 2;
  // 12 columns for the curve and a bar of 20 cells are the most.
  EXPECT_EQ(columns_of(progress_line(0.5, {"half"}, many, 100)), 22u + 1 + 4 + 2 + 12);
  // The curve comes before the bar.
  EXPECT_EQ(progress_line(0.5, {"half"}, many, 19), "half  █▁▁▁▁▁▁▁▁▁▁▁");
  EXPECT_EQ(progress_line(0.5, {"half"}, many, 12), "half  █▁▁▁▁▁");
  EXPECT_EQ(progress_line(0.5, {"half"}, many, 11), "[==> ] half");
  EXPECT_EQ(progress_line(0.5, {"half"}, many, 1), "half");
  for (int columns = 8; columns < 60; ++columns) {
    EXPECT_LE(columns_of(progress_line(0.5, {"1/2", "loss 1", "5 s"}, many, columns)),
              static_cast<size_t>(columns));
  }
}

TEST(ProgressLine, CountsCharactersNotBytes) {
  EXPECT_EQ(progress_line(0.5, {"è", "é"}, 4), "è  é");
  EXPECT_EQ(progress_line(0.5, {"è", "é"}, 3), "è");
}

class Blocks : public ::testing::Test {
 protected:
  // The variables as they were are the other tests'.
  static bool shown(const std::map<std::string, std::string>& variables) {
    std::map<std::string, std::optional<std::string>> before;
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG", "TERM"}) {
      const char* value = std::getenv(name);
      before[name] = value == nullptr ? std::nullopt : std::optional<std::string>(value);
      const auto found = variables.find(name);
      if (found == variables.end()) {
        ::unsetenv(name);
      } else {
        ::setenv(name, found->second.c_str(), 1);
      }
    }
    const bool result = stderr_shows_blocks();
    for (const auto& [name, value] : before) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
    return result;
  }
};

TEST_F(Blocks, TheLocaleSaysWhetherTheyAreShown) {
  EXPECT_TRUE(shown({{"LANG", "en_US.UTF-8"}, {"TERM", "xterm"}}));
  EXPECT_TRUE(shown({{"LANG", "C.utf8"}}));
  EXPECT_TRUE(shown({{"LANG", "C"}, {"LC_CTYPE", "de_DE.UTF-8"}}));
  EXPECT_FALSE(shown({{"LANG", "C.UTF-8"}, {"LC_ALL", "POSIX"}}));
  EXPECT_TRUE(shown({{"LANG", "C.UTF-8"}, {"LC_ALL", ""}}));
  EXPECT_FALSE(shown({{"LANG", "de_DE.ISO-8859-1"}}));
  EXPECT_FALSE(shown({}));
  EXPECT_FALSE(shown({{"LANG", "C.UTF-8"}, {"TERM", "linux"}}));
}

TEST(DurationText, TakesTheUnitThatFits) {
  EXPECT_EQ(duration_text(0), "0s");
  EXPECT_EQ(duration_text(58.2), "59s");
  EXPECT_EQ(duration_text(723), "12m03s");
  EXPECT_EQ(duration_text(3 * 3600 + 7 * 60), "3h07m");
}

}  // namespace
}  // namespace graft
