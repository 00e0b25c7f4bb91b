#include "graft/base/byte_size.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"

namespace graft {
namespace {

TEST(ByteSize, ReadsNumbersWithUnits) {
  EXPECT_EQ(byte_size("4096"), 4096u);
  EXPECT_EQ(byte_size("1.5GB"), 1'500'000'000u);
  EXPECT_EQ(byte_size("1.5 gb"), 1'500'000'000u);
  EXPECT_EQ(byte_size("2G"), 2'000'000'000u);
  EXPECT_EQ(byte_size("800MiB"), 800u << 20);
  EXPECT_EQ(byte_size("3k"), 3000u);
  EXPECT_EQ(byte_size("1Ti"), uint64_t{1} << 40);
  EXPECT_EQ(byte_size("12b"), 12u);
}

TEST(ByteSize, RefusesOthers) {
  for (const char* bad : {"", "much", "GB", "-1GB", "0", "1XB", "1GBB", "1Bi", "nan", "inf", "1e30",
                          "1 G B x", "5 %"}) {
    EXPECT_THROW(byte_size(bad), UsageError) << bad;
  }
}

}  // namespace
}  // namespace graft
