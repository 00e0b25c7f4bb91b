#include "graft/trunk/row_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace graft::trunk {
namespace {

using Bytes = std::vector<std::byte>;

ExampleKey example(int number) { return key_of(std::vector<int32_t>{number, number + 1, 7}); }

// Rows that follow from the number, of a size that does, too.
Bytes rows_of(int number) {
  std::mt19937 random(static_cast<unsigned>(number));
  Bytes rows(static_cast<size_t>(100 + number % 7 * 1000));
  for (std::byte& byte : rows) byte = static_cast<std::byte>(random());
  return rows;
}

class RowFileTest : public ::testing::Test {
 protected:
  static bool append(RowFile& file, int number) {
    return file.append(example(number), rows_of(number));
  }
  static RowFile::Read read(RowFile& file, int number) {
    Bytes found(rows_of(number).size());
    const auto result = file.read(example(number), found);
    EXPECT_TRUE(result != RowFile::Read::done || found == rows_of(number)) << number;
    return result;
  }
  // How many of the first so many are there, each with its own rows.
  int whole(int most) const {
    RowFile file(path_, "model");
    int count = 0;
    for (int i = 0; i < most; ++i) count += read(file, i) == RowFile::Read::done ? 1 : 0;
    return count;
  }

  testing::TempFolder folder_;
  fs::path path_ = folder_ / "a.rows";
};

TEST_F(RowFileTest, GivesBackWhatWasPutIn) {
  {
    RowFile file(path_, "model");
    EXPECT_EQ(file.size(), 0u);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(append(file, i));
    EXPECT_TRUE(append(file, 3));  // is there
    EXPECT_EQ(file.size(), 20u);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(read(file, i), RowFile::Read::done);
    EXPECT_EQ(read(file, 20), RowFile::Read::absent);
    EXPECT_EQ(file.bytes(), fs::file_size(path_));
  }
  EXPECT_EQ(whole(21), 20);
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
}

TEST_F(RowFileTest, RowsOfAnotherSizeAreNotTaken) {
  RowFile file(path_, "model");
  append(file, 1);
  Bytes larger(rows_of(1).size() + 1);
  EXPECT_EQ(file.read(example(1), larger), RowFile::Read::damaged);
  EXPECT_FALSE(file.has(example(1)));
}

TEST_F(RowFileTest, WhatIsOfAnotherIdentityIsBegunAnew) {
  {
    RowFile file(path_, "model");
    append(file, 1);
  }
  RowFile other(path_, "model of another kind");
  EXPECT_EQ(other.size(), 0u);
  append(other, 2);
  EXPECT_EQ(whole(3), 0);  // the first one's again
  for (const char* text : {"", "graft rows", "something else that is longer than a header is"}) {
    testing::write_bytes(path_, text);
    EXPECT_EQ(whole(3), 0) << text;
  }
}

// Cut anywhere, what is whole stays, and more can be added.
TEST_F(RowFileTest, ACutFileKeepsWhatIsWhole) {
  {
    RowFile file(path_, "model");
    for (int i = 0; i < 6; ++i) append(file, i);
  }
  const std::string all = testing::read_bytes(path_);
  int last = 6;
  for (size_t size = all.size(); size > 0; size -= std::min<size_t>(size, 97)) {
    testing::write_bytes(path_, std::string_view(all).substr(0, size));
    const int now = whole(6);
    EXPECT_LE(now, last);
    last = now;
    {
      RowFile file(path_, "model");
      append(file, 9);
    }
    EXPECT_EQ(whole(10), now + 1) << size;
  }
  EXPECT_EQ(last, 0);
}

// No bit can be flipped without being noticed.
TEST_F(RowFileTest, DamagedRowsAreForgotten) {
  {
    RowFile file(path_, "model");
    for (int i = 0; i < 4; ++i) append(file, i);
  }
  const std::string all = testing::read_bytes(path_);
  for (size_t at = 0; at < all.size(); at += 61) {
    std::string bad = all;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    testing::write_bytes(path_, bad);
    EXPECT_LT(whole(4), 4) << at;  // which looks at what the others are, too
  }
}

TEST_F(RowFileTest, SeveralCanAppend) {
  RowFile a(path_, "model"), b(path_, "model");
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(append(i % 2 == 0 ? a : b, i));
  EXPECT_EQ(whole(10), 10);
  EXPECT_TRUE(append(a, 9));  // b's
  EXPECT_EQ(a.size(), 10u);
  EXPECT_EQ(read(a, 7), RowFile::Read::done);
}

TEST_F(RowFileTest, AFullDiskLeavesWhatWasThere) {
  RowFile file(path_, "model");
  append(file, 1);
  const auto size = fs::file_size(path_);
  {
    const testing::FileSizeLimit limit(size + 500);
    testing::expect_error([&] { append(file, 6); }, {"cannot write to", "a.rows"});
  }
  EXPECT_EQ(fs::file_size(path_), size);
  EXPECT_TRUE(append(file, 2));
  EXPECT_EQ(whole(7), 2);
}

TEST_F(RowFileTest, OneThatWasRemovedIsNotWrittenTo) {
  RowFile file(path_, "model");
  append(file, 1);
  fs::remove(path_);
  testing::expect_error([&] { append(file, 2); }, "removed");
  EXPECT_EQ(read(file, 1), RowFile::Read::done);
}

TEST_F(RowFileTest, LinksAndFoldersAreRefused) {
  testing::write_bytes(folder_ / "target", "mine");
  fs::create_symlink(folder_ / "target", path_);
  testing::expect_error([&] { RowFile(path_, "model"); }, "a.rows");
  EXPECT_EQ(testing::read_bytes(folder_ / "target"), "mine");
  fs::create_directory(folder_ / "b.rows");
  testing::expect_error([&] { RowFile(folder_ / "b.rows", "model"); }, "b.rows");
}

// Whenever a process is killed, the next one finds only whole rows, and goes on.
TEST_F(RowFileTest, SurvivesBeingKilledAtAnyMoment) {
  std::mt19937 random(5);
  int before = 0;
  for (int kill = 0; kill < 100; ++kill) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        RowFile file(path_, "model");
        for (int i = 0;; ++i) file.append(example(i), rows_of(i));
      } catch (...) {
      }
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    RowFile file(path_, "model");
    const auto count = static_cast<int>(file.size());
    EXPECT_GE(count, before);
    if (kill % 10 == 9) {
      for (int i = 0; i < count; ++i) EXPECT_EQ(read(file, i), RowFile::Read::done) << i;
    }
    before = count;
  }
  EXPECT_GT(before, 20);
}

}  // namespace
}  // namespace graft::trunk
