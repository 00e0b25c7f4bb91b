// The files are pyarrow's: scripts/fixtures/parquet_files.py.

#include "graft/data/rows/parquet_library.h"

#include <gtest/gtest.h>

#include "graft/data/load.h"
#include "graft/data/split_choice.h"
#include "tests/data/rows/read_all.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::TempFolder;
using Rows = std::vector<LineAndText>;

const fs::path kFiles = testing::fixture("parquet");

class Parquet : public RowFiles {
 protected:
  void SetUp() override {
#ifdef GRAFT_HAS_PARQUET
    ASSERT_EQ(no_parquet_because(), "");
#else
    GTEST_SKIP() << no_parquet_because();
#endif
  }

  static Rows read_fixture(const std::string& name) {
    return read_all(*open_rows(kFiles / name, name));
  }
};

TEST_F(Parquet, RowsHaveAllColumnsAndTheirNumbers) {
  const std::vector<std::string> texts = {"one", "zwei – 二", "", "line\nbreak",
                                          std::string(300, 'x')};
  for (const char* name : {"snappy", "zstd", "gzip", "none"}) {
    Rows expected;
    for (const std::string& text : texts) {
      const ordered_json row = {{"id", expected.size()},
                                {"nested", {{"text", "not this"}, {"list", {1, 2}}}},
                                {"text", text}};
      expected.emplace_back(expected.size() + 1, row.dump());
    }
    EXPECT_EQ(read_fixture(std::string(name) + ".parquet"), expected) << name;
  }
  EXPECT_EQ(read_fixture("null.parquet"), (Rows{{1, R"({"text":"a"})"}, {2, R"({"text":null})"}}));
  EXPECT_TRUE(read_fixture("empty.parquet").empty());
}

// Also across batches, pages and groups of rows.
TEST_F(Parquet, RowsAreThoseOfPyarrow) {
  for (const char* name : {"types", "chats"}) {
    const std::string file = name;
    EXPECT_EQ(read_fixture(file + ".parquet"), read_fixture(file + ".jsonl")) << name;
  }
}

TEST_F(Parquet, IsKnownByItsFirstBytes) {
  fs::copy_file(kFiles / "null.parquet", folder_ / "a");
  EXPECT_EQ(read_all(*open_rows(folder_ / "a", "a")).size(), 2u);
}

TEST_F(Parquet, SaysHowMuchIsDone) {
  const auto reader = open_rows(kFiles / "chats.parquet", "a");
  RawRow row;
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(reader->next(row));
  EXPECT_EQ(reader->done(), 0.25);
  EXPECT_EQ(row.line, 150);
}

TEST_F(Parquet, WhatJsonHasNoFormForIsNamed) {
  const auto refused = [](const char* name, const std::string& message) {
    EXPECT_EQ(testing::error_of([&] { read_fixture(name); }), name + message);
  };
  refused("binary.parquet",
          ": row 2: the column \"bytes\" holds binary that is not UTF-8: leave it out of the file");
  refused("twice.parquet", ": two of its columns are named \"a\"");
  refused("deep.parquet", ": the column \"deep\" is nested deeper than 48 levels");
}

TEST_F(Parquet, DamagedFilesAreErrors) {
  expect_error([&] { open_rows(folder_ / "absent.parquet", "absent.parquet"); },
               "cannot open absent.parquet: No such file");
  for (const char* name : {"snappy.parquet", "types.parquet"}) {
    const std::string good = testing::read_bytes(kFiles / name);
    for (size_t size : {size_t{0}, size_t{4}, good.size() / 2, good.size() - 1}) {
      expect_error([&] { read("bad.parquet", good.substr(0, size)); }, "bad.parquet: ");
    }
    // A changed byte is an error or another row, and nothing worse.
    for (size_t at = 0; at < good.size(); at += 41) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x5A);
      try {
        read("bad.parquet", bad);
      } catch (const Error&) {
      }
    }
  }
}

TEST_F(Parquet, TextsThatAreNotUtf8AreErrors) {
  std::string bad = testing::read_bytes(kFiles / "none.parquet");
  for (size_t at; (at = bad.find("zwei")) != std::string::npos;) bad[at] = '\xFF';
  expect_error([&] { read("bad.parquet", bad); }, {"bad.parquet: ", "UTF"});
}

TEST_F(Parquet, ShardsOfASplitAreReadOneAfterTheOther) {
  TempFolder folder;
  for (const char* name : {"train-00000-of-00002.parquet", "train-00001-of-00002.parquet"}) {
    fs::copy_file(kFiles / "snappy.parquet", folder / name);
  }
  Source source;
  for (const std::string& name : choose_split(files_below(folder.path()), "", "", "train")) {
    source.files.push_back({folder / name, name});
  }
  const tokenizer::Tokenizer tokenizer =
      tokenizer::Tokenizer::load(testing::tokenizer_fixture("smollm"));
  const Encoder encoder(tokenizer, chat_form(folder.path(), tokenizer), {});
  const Dataset set = load({source}, "train", encoder, *silent_front_end());
  ASSERT_EQ(set.examples.size() % 2, 0u);
  const size_t half = set.examples.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    EXPECT_TRUE(std::ranges::equal(set.examples[i].ids, set.examples[half + i].ids));
    EXPECT_EQ(set.examples[half + i].line, set.examples[i].line);
    EXPECT_EQ(set.file_of(half + i), "train-00001-of-00002.parquet");
  }
}

}  // namespace
}  // namespace graft::data
