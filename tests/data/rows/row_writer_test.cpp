#include "graft/data/rows/row_writer.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/data/rows/row_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::read_bytes;

class RowWriterFiles : public ::testing::Test {
 protected:
  std::string written(const std::string& file, const std::vector<ordered_json>& rows) {
    const auto writer = create_rows(folder_ / file);
    for (const ordered_json& row : rows) writer->write(row, "row");
    writer->finish();
    return read_bytes(folder_ / file);
  }

  std::vector<ordered_json> read(const std::string& file) {
    std::vector<ordered_json> rows;
    for_each_row(folder_ / file, file,
                 [&](const ordered_json& row, int64_t) { rows.push_back(row); });
    return rows;
  }

  testing::TempFolder folder_;
};

TEST_F(RowWriterFiles, JsonLines) {
  EXPECT_EQ(written("a.jsonl", {{{"a", "x\n"}}, {{"a", 1}}}), "{\"a\":\"x\\n\"}\n{\"a\":1}\n");
}

TEST_F(RowWriterFiles, JsonArrays) {
  EXPECT_EQ(written("a.json", {{{"a", 1}}, {{"a", 2}}}), "[\n{\"a\":1},\n{\"a\":2}\n]\n");
  EXPECT_EQ(written("b.json", {}), "[]\n");
}

TEST_F(RowWriterFiles, KeepTheTextOfARow) {
  const auto writer = create_rows(folder_ / "a.jsonl");
  writer->write({{"a", 1e5}}, "row", R"({"a": 1e5, "b": "\u00e9"})");
  writer->write({{"a", 1}}, "row", "{\n\"a\": 1}");
  writer->finish();
  EXPECT_EQ(read_bytes(folder_ / "a.jsonl"), "{\"a\": 1e5, \"b\": \"\\u00e9\"}\n{\"a\":1}\n");
}

TEST_F(RowWriterFiles, Tables) {
  EXPECT_EQ(written("a.csv", {{{"a", "x,y"}, {"b", "say \"hi\""}},
                              {{"a", "two\nlines"}, {"b", nullptr}},
                              {{"b", {1, 2}}}}),
            "a,b\n\"x,y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\n,\"[1,2]\"\n");
  EXPECT_EQ(written("a.tsv", {{{"a", "x,y"}, {"b", "t\tt"}}}), "a\tb\nx,y\t\"t\tt\"\n");
}

TEST_F(RowWriterFiles, AnEmptyFieldAloneIsALine) {
  written("a.csv", {{{"a", ""}}, {{"a", "x"}}});
  EXPECT_EQ(read("a.csv"), (std::vector<ordered_json>{{{"a", ""}}, {{"a", "x"}}}));
}

TEST_F(RowWriterFiles, ReadBackAsTheyWere) {
  const std::vector<ordered_json> rows = {{{"a", "\r\n\t \"',;"}, {"b", ""}},
                                          {{"a", "\u00e9\U0001F600"}, {"b", std::string(1, '\0')}},
                                          {{"a", std::string(500000, 'x')}, {"b", "\""}}};
  for (const char* kind : {".jsonl", ".json", ".csv", ".tsv"}) {
    for (const char* packed : {"", ".gz", ".zst"}) {
      const std::string file = std::string("a") + kind + packed;
      const std::string bytes = written(file, rows);
      EXPECT_EQ(read(file), rows) << file;
      if (*packed != '\0') {
        EXPECT_LT(bytes.size(), 10000u) << file;
      }
      EXPECT_EQ(written(file, rows), bytes) << file;
    }
  }
}

TEST_F(RowWriterFiles, WithoutFinishThereIsNoFile) {
  create_rows(folder_ / "a.csv.gz")->write({{"a", 1}}, "row");
  EXPECT_EQ(testing::names_in(folder_.path()), std::vector<std::string>{});
}

TEST_F(RowWriterFiles, WhatATableHasNoPlaceFor) {
  expect_error([&] { written("a.csv", {{{"a", 1}}, {{"b", 1}}}); }, "row: \"b\" is no column");
  expect_error([&] { written("a.csv", {ordered_json::object()}); }, "no columns");
  expect_error([&] { written("a.csv", {{{"", 1}}}); }, "a column without a name");
}

TEST_F(RowWriterFiles, OtherKindsAreRefused) {
  for (const char* file : {"a.xml", "a", "a.parquet", "a.gz", "jsonl"}) {
    expect_error<UsageError>([&] { check_row_file(file); }, "rows are written to files that end");
  }
  check_row_file("A.JSONL.GZ");
}

}  // namespace
}  // namespace graft::data
