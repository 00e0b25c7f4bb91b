#include "graft/distributed/exchange.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace graft::distributed {
namespace {

TEST(ExchangeTest, TimeGrowsWithBytesAndProcesses) {
  const ExchangeSpeed speed{.call_seconds = 1e-3, .byte_seconds = 1e-8};
  EXPECT_NEAR(exchange_seconds(speed, 1e6, 2), 1e-3 + 1e-2, 1e-9);
  EXPECT_NEAR(exchange_seconds(speed, 1e6, 4), 3e-3 + 3e-2, 1e-9);
  // Above 16 MB an all-reduce: no more than twice the bytes, whatever the number.
  EXPECT_NEAR(exchange_seconds(speed, 1e9, 2), 1e-3 + 10, 1e-6);
  EXPECT_NEAR(exchange_seconds(speed, 1e9, 4), 3e-3 + 15, 1e-6);
  EXPECT_LT(exchange_seconds(speed, 1e9, 64), 63e-3 + 20);
}

TEST(ExchangeTest, IsReadAsItWasWritten) {
  const testing::TempFolder folder;
  const fs::path file = folder / "notes/exchange.json";
  EXPECT_FALSE(read_exchange_speed(file));
  write_exchange_speed(file, {1e-4, 2e-9, "mpi", 3});
  const auto speed = read_exchange_speed(file);
  ASSERT_TRUE(speed);
  EXPECT_EQ(speed->call_seconds, 1e-4);
  EXPECT_EQ(speed->byte_seconds, 2e-9);
  EXPECT_EQ(speed->backend, "mpi");
  EXPECT_EQ(speed->ranks, 3);
  for (const char* other : {"", "{", "[]", R"({"call_seconds": "x"})"}) {
    testing::write_bytes(file, other);
    EXPECT_FALSE(read_exchange_speed(file)) << other;
  }
}

}  // namespace
}  // namespace graft::distributed
