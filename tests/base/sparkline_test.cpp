#include "graft/base/sparkline.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace graft {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Sparkline, GoesFromTheLowestToTheHighestBlock) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline(std::vector<double>{3.5, 2.5, 2.0}, 40), "█▃▁");
}

TEST(Sparkline, AColumnIsTheMeanOfItsShare) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 0, 7, 7, 3, 5}, 3), "▁█▅");
  EXPECT_EQ(sparkline(std::vector<double>{0, 0, 7, 7, 7}, 2), "▁█");
}

TEST(Sparkline, WhatIsNotFiniteIsAGap) {
  EXPECT_EQ(sparkline(std::vector<double>{1, kNan, 0}, 10), "█ ▁");
  EXPECT_EQ(sparkline(std::vector<double>{1, kInfinity, 0, -kInfinity}, 10), "█ ▁ ");
  EXPECT_EQ(sparkline(std::vector<double>{kNan, 4, 0, kNan}, 2), "█▁");
  EXPECT_EQ(sparkline(std::vector<double>{kNan, kNan}, 2), "  ");
}

TEST(Sparkline, EqualValuesAndNone) {
  EXPECT_EQ(sparkline(std::vector<double>{2, 2}, 2), "▄▄");
  EXPECT_EQ(sparkline({}, 5), "");
  EXPECT_EQ(sparkline(std::vector<double>{1, 2}, 0), "");
  EXPECT_EQ(sparkline(std::vector<double>{1, 2}, -3), "");
}

TEST(Sparkline, ManyValuesOfAnySize) {
  std::vector<double> values(100003, 0.1);  // of which the columns' means differ by rounding
  EXPECT_EQ(sparkline(values, 2), "▄▄");
  values.assign(100003, 1e300);
  EXPECT_EQ(sparkline(values, 2), "▄▄");
  values = {-1e308, 1e308};
  EXPECT_EQ(sparkline(values, 2), "▁█");
}

}  // namespace
}  // namespace graft
