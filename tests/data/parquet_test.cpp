// The files are pyarrow's: scripts/fixtures/parquet_files.py.

#include "graft/data/parquet.h"

#include <gtest/gtest.h>

#include "graft/data/dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::TempFolder;

const fs::path kFiles = testing::fixture("parquet");

class Parquet : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef GRAFT_HAS_PARQUET
    ASSERT_EQ(no_parquet_because(), "");
#else
    GTEST_SKIP() << no_parquet_because();
#endif
  }
};

TEST_F(Parquet, TextsComeWithTheirRows) {
  const std::vector<Record> expected = {
      {1, "one"}, {2, "zwei – 二"}, {3, ""}, {4, "line\nbreak"}, {5, std::string(300, 'x')}};
  for (const char* name : {"snappy", "zstd", "gzip", "none", "large_string"}) {
    EXPECT_EQ(read_parquet(kFiles / (std::string(name) + ".parquet")), expected) << name;
  }
  EXPECT_TRUE(read_parquet(kFiles / "empty.parquet").empty());
}

TEST_F(Parquet, WhatHasNoTextsIsAnErrorThatNamesTheFile) {
  const auto expect = [](const char* name, const std::string& part) {
    expect_error([&] { read_parquet(kFiles / name); }, {name, part});
  };
  expect("null.parquet", "row 2 is null");
  expect("numbers.parquet", "\"text\" is not a string but int64");
  expect("columns.parquet", "no \"text\" among its columns: prompt, answer");
  expect("absent.parquet", "Failed to open");
}

TEST_F(Parquet, DamagedFilesAreErrors) {
  const std::string good = testing::read_bytes(kFiles / "snappy.parquet");
  TempFolder folder;
  const fs::path path = folder / "bad.parquet";
  for (size_t size : {size_t{0}, size_t{4}, good.size() / 2, good.size() - 1}) {
    testing::write_bytes(path, good.substr(0, size));
    expect_error([&] { read_parquet(path); }, "bad.parquet");
  }
  // A changed byte is an error or another text, and nothing worse.
  for (size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x5A);
    testing::write_bytes(path, bad);
    try {
      read_parquet(path);
    } catch (const Error&) {
    }
  }
}

TEST_F(Parquet, TextsThatAreNotUtf8AreErrors) {
  std::string bad = testing::read_bytes(kFiles / "none.parquet");
  for (size_t at; (at = bad.find("zwei")) != std::string::npos;) bad[at] = '\xFF';
  TempFolder folder;
  testing::write_bytes(folder / "bad.parquet", bad);
  expect_error([&] { read_parquet(folder / "bad.parquet"); }, "UTF");
}

TEST_F(Parquet, ShardsOfASplitAreReadOneAfterTheOther) {
  TempFolder folder;
  for (const char* name : {"train-00000-of-00002.parquet", "train-00001-of-00002.parquet"}) {
    fs::copy_file(kFiles / "snappy.parquet", folder / name);
  }
  EXPECT_TRUE(has_split(folder.path(), "train"));
  EXPECT_FALSE(has_split(folder.path(), "valid"));
  const tokenizer::Tokenizer tokenizer =
      tokenizer::Tokenizer::load(testing::tokenizer_fixture("smollm"));
  const Dataset set = load_dataset(folder.path(), "train", tokenizer, {});
  EXPECT_EQ(set.path.filename(), "train (2 files)");
  ASSERT_EQ(set.examples.size() % 2, 0u);
  const size_t half = set.examples.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    EXPECT_EQ(set.examples[i].ids, set.examples[half + i].ids);
    EXPECT_EQ(set.examples[half + i].line, set.examples[i].line + 5);
  }
}

}  // namespace
}  // namespace graft::data
