#include "graft/data/conversion/division.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "graft/base/error.h"
#include "graft/data/row_blocks.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::read_bytes;
using Names = std::vector<std::string>;

class Division : public ::testing::Test {
 protected:
  std::vector<DividedFile> divide(const std::string& file, const std::string& bytes,
                                  const DivisionOptions& options = {.valid = 0.2, .test = 0.1}) {
    testing::write_bytes(folder_ / file, bytes);
    return divide_rows({folder_ / file, file}, folder_ / "out", options, *silent_front_end());
  }

  // Every number twice, in a form that is not this program's.
  static std::string rows() {
    std::string all;
    for (int i = 0; i < 1000; ++i) {
      all += "{ \"text\" : \"" + std::to_string(i % 500) + "\", \"x\": 1e2 }\n";
    }
    return all;
  }

  Names lines_of(const std::string& file) {
    const std::string text = read_bytes(folder_ / "out" / file);
    Names lines;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return lines;
  }

  testing::TempFolder folder_;
};

TEST_F(Division, RowsAreKeptAsTheyAreAndEqualOnesTogether) {
  const auto files = divide("all.jsonl", rows());
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(testing::names_in(folder_ / "out"),
            (Names{"test.jsonl", "train.jsonl", "valid.jsonl"}));
  std::multiset<std::string> all;
  std::set<std::string> seen;
  for (const DividedFile& file : files) {
    const Names lines = lines_of(file.name);
    EXPECT_EQ(std::ssize(lines), file.rows);
    all.insert(lines.begin(), lines.end());
    const std::set<std::string> own(lines.begin(), lines.end());
    for (const std::string& line : own) EXPECT_TRUE(seen.insert(line).second) << line;
  }
  EXPECT_EQ(all.size(), 1000u);
  EXPECT_EQ(seen.size(), 500u);
  EXPECT_EQ(*all.begin(), "{ \"text\" : \"0\", \"x\": 1e2 }");
  EXPECT_NEAR(static_cast<double>(files[1].rows), 200, 60);
  EXPECT_NEAR(static_cast<double>(files[2].rows), 100, 50);
}

TEST_F(Division, ValidatesOnWhatTheShareOfTheTrainingSetWould) {
  divide("all.jsonl", rows());
  const Source source{.files = {{folder_ / "all.jsonl", "all.jsonl"}}, .hashes = {0, 0.2}};
  RowBlocks blocks(source);
  Names expected;
  for (RowBlock block; blocks.next(block);) {
    for (const RawRow& row : block.rows) expected.push_back(row.text);
  }
  EXPECT_EQ(lines_of("valid.jsonl"), expected);
}

TEST_F(Division, KindsOfFilesStay) {
  std::string table = "a,b\n";
  for (int i = 0; i < 200; ++i) table += std::to_string(i) + ",\"x\ny\"\n";
  divide("all.csv", table);
  EXPECT_TRUE(read_bytes(folder_ / "out/valid.csv").starts_with("a,b\n"));
  std::string array = "[";
  for (int i = 0; i < 200; ++i)
    array += (i > 0 ? "," : "") + std::string("{\n\"a\": ") + std::to_string(i) + "}";
  fs::remove_all(folder_ / "out");
  divide("all.json", array + "]");
  EXPECT_TRUE(read_bytes(folder_ / "out/train.json").starts_with("[\n{\"a\":"));
}

TEST_F(Division, ASplitWithoutAShareHasNoFile) {
  divide("all.jsonl", rows(), {.valid = 0.2, .test = 0});
  EXPECT_EQ(testing::names_in(folder_ / "out"), (Names{"train.jsonl", "valid.jsonl"}));
}

TEST_F(Division, ReplacesSplitsAloneAndOnlyWhenAsked) {
  divide("all.jsonl", rows());
  expect_error<UsageError>([&] { divide("all.jsonl", rows()); }, "already: `force` replaces it");
  divide("all.jsonl", rows(), {.valid = 0.2, .test = 0, .force = true});
  EXPECT_EQ(testing::names_in(folder_ / "out"), (Names{"train.jsonl", "valid.jsonl"}));
  testing::write_bytes(folder_ / "out/notes.txt", "mine");
  expect_error<UsageError>(
      [&] { divide("all.jsonl", rows(), {.valid = 0.2, .test = 0, .force = true}); },
      "holds notes.txt, which is no file of a split");
}

TEST_F(Division, WhatIsWrongLeavesNothing) {
  expect_error([&] { divide("all.jsonl", rows() + "{\n"); }, "all.jsonl:1001: ");
  expect_error([&] { divide("all.jsonl", "{}\n"); }, "none of its 1 rows comes into");
  expect_error<UsageError>([&] { divide("all.jsonl", rows(), {.valid = 0.5, .test = 0.5}); },
                           "leave nothing to train on");
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

}  // namespace
}  // namespace graft::data
