#include "graft/trunk/row_store.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/file_size_limit.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::trunk {
namespace {

using Rows = std::vector<std::byte>;

constexpr uint64_t kPlenty = uint64_t{1} << 40;

class RowStoreTest : public ::testing::Test {
 protected:
  static ExampleKey example(int number) { return key_of(std::vector<int32_t>{number}); }
  static Rows rows_of(int number) { return Rows(100, static_cast<std::byte>(number)); }

  RowStore store(size_t memory, bool file, uint64_t most = kPlenty) {
    return {memory, file ? std::make_unique<RowFile>(path_, "model") : nullptr, most, told_};
  }
  static bool has(RowStore& store, int number) {
    Rows rows(100);
    const bool there = store.read(example(number), rows);
    EXPECT_TRUE(!there || rows == rows_of(number)) << number;
    return there;
  }

  testing::TempFolder folder_;
  fs::path path_ = folder_ / "a.rows";
  testing::RecordingFrontEnd told_;
};

TEST_F(RowStoreTest, KeepsInMemoryWhatFits) {
  RowStore kept = store(250, false);
  for (int i = 0; i < 4; ++i) kept.keep(example(i), rows_of(i));
  EXPECT_TRUE(has(kept, 0));
  EXPECT_TRUE(has(kept, 1));
  EXPECT_FALSE(has(kept, 2));
  EXPECT_EQ(kept.found(), 2);
  EXPECT_EQ(kept.missed(), 1);
  EXPECT_TRUE(told_.warnings.empty());
}

TEST_F(RowStoreTest, TheRestIsInTheFileForTheNextOne) {
  {
    RowStore kept = store(250, true);
    for (int i = 0; i < 4; ++i) kept.keep(example(i), rows_of(i));
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(has(kept, i));
  }
  RowStore next = store(0, true);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(has(next, i));
  EXPECT_FALSE(has(next, 4));
}

TEST_F(RowStoreTest, AFileGrowsToItsLimit) {
  const uint64_t header = RowFile(path_, "model").bytes();
  RowStore kept = store(0, true, header + 300);
  for (int i = 0; i < 4; ++i) kept.keep(example(i), rows_of(i));
  EXPECT_TRUE(has(kept, 0));
  EXPECT_FALSE(has(kept, 3));
  EXPECT_LE(fs::file_size(path_), header + 300);
  ASSERT_EQ(told_.notes.size(), 1u);
  EXPECT_NE(told_.notes[0].find("as large as it may be"), std::string::npos);
}

TEST_F(RowStoreTest, AFullDiskIsToldOnceAndTheRunGoesOn) {
  RowStore kept = store(1000, true);
  kept.keep(example(0), rows_of(0));
  {
    const testing::FileSizeLimit limit(fs::file_size(path_) + 10);
    for (int i = 1; i < 4; ++i) kept.keep(example(i), rows_of(i));
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(has(kept, i));
  ASSERT_EQ(told_.warnings.size(), 1u);
  EXPECT_NE(told_.warnings[0].find("kept no further"), std::string::npos);
}

TEST_F(RowStoreTest, DamageIsToldOnce) {
  {
    RowStore kept = store(0, true);
    for (int i = 0; i < 3; ++i) kept.keep(example(i), rows_of(i));
  }
  std::string bytes = testing::read_bytes(path_);
  bytes[bytes.size() - 1] ^= 1;
  bytes[bytes.size() - 200] ^= 1;
  RowStore next = store(0, true);
  testing::write_bytes(path_, bytes);
  EXPECT_TRUE(has(next, 0));
  EXPECT_FALSE(has(next, 1));
  EXPECT_FALSE(has(next, 2));
  ASSERT_EQ(told_.warnings.size(), 1u);
  EXPECT_NE(told_.warnings[0].find("damaged"), std::string::npos);
  next.keep(example(2), rows_of(2));
  EXPECT_TRUE(has(next, 2));
}

}  // namespace
}  // namespace graft::trunk
