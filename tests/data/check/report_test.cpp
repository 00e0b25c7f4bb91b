#include <gtest/gtest.h>

#include "graft/data/check/lengths.h"
#include "graft/data/check/report.h"

namespace graft::data::check {
namespace {

TEST(Lengths, OfNone) {
  const LengthSummary summary = Lengths().summary();
  EXPECT_EQ(summary.count, 0);
  EXPECT_TRUE(summary.histogram.empty());
}

TEST(Lengths, PercentilesAreLengthsThatOccur) {
  Lengths lengths;
  for (int i = 100; i >= 1; --i) lengths.add(i);
  const LengthSummary summary = lengths.summary();
  EXPECT_EQ(summary.count, 100);
  EXPECT_EQ(summary.total, 5050);
  EXPECT_DOUBLE_EQ(summary.mean, 50.5);
  EXPECT_EQ(summary.median, 50);
  EXPECT_EQ(summary.p95, 95);
  EXPECT_EQ(summary.p99, 99);
  EXPECT_EQ(summary.longest, 100);
}

TEST(Lengths, PercentilesOfFewAreNotExceededByTooMany) {
  Lengths lengths;
  for (int i = 1; i <= 9; ++i) lengths.add(i);
  EXPECT_EQ(lengths.summary().median, 5);
  EXPECT_EQ(lengths.summary().p95, 9);
}

TEST(Lengths, AreCountedInPowersOfTwo) {
  Lengths lengths;
  for (const int length : {0, 1, 2, 3, 8, 15, 16}) lengths.add(length);
  std::vector<std::array<int64_t, 3>> ranges;
  for (const auto& [least, most, count] : lengths.summary().histogram) {
    ranges.push_back({least, most, count});
  }
  EXPECT_EQ(ranges, (std::vector<std::array<int64_t, 3>>{
                        {0, 0, 1}, {1, 1, 1}, {2, 3, 2}, {4, 7, 0}, {8, 15, 2}, {16, 31, 1}}));
}

TEST(Grouped, Digits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-123456), "-123,456");
}

}  // namespace
}  // namespace graft::data::check
