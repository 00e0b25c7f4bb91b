#include "graft/base/terminal.h"

#include <gtest/gtest.h>

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

TEST(DurationText, TakesTheUnitThatFits) {
  EXPECT_EQ(duration_text(0), "0s");
  EXPECT_EQ(duration_text(58.2), "59s");
  EXPECT_EQ(duration_text(723), "12m03s");
  EXPECT_EQ(duration_text(3 * 3600 + 7 * 60), "3h07m");
}

}  // namespace
}  // namespace graft
