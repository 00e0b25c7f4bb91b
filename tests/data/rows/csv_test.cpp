#include <gtest/gtest.h>

#include "tests/data/rows/read_all.h"

namespace graft::data {
namespace {

using Rows = std::vector<LineAndText>;
using std::string_view_literals::operator""sv;

class Csv : public RowFiles {};

TEST_F(Csv, RowsHaveTheNamesOfTheHeader) {
  EXPECT_EQ(read("a.csv", "b,a\n1,two\n , x\"y\n,\n"), (Rows{{2, R"({"b":"1","a":"two"})"},
                                                             {3, R"({"b":" ","a":" x\"y"})"},
                                                             {4, R"({"b":"","a":""})"}}));
  EXPECT_EQ(read("a.tsv", "b\ta\n1,2\t\"a\tb\"\n"), (Rows{{2, R"({"b":"1,2","a":"a\tb"})"}}));
  EXPECT_TRUE(read("a.csv", "a,b\n").empty());
  EXPECT_TRUE(read("a.csv", "a,b").empty());
}

TEST_F(Csv, QuotedFieldsHoldAnything) {
  EXPECT_EQ(read("a.csv", "\"a\",\"b,\"\"c\"\n\"1\n\r2\r\n3\",\"\"\"x\"\"\"\n\"\",y\n"),
            (Rows{{2, R"({"a":"1\n\r2\r\n3","b,\"c":"\"x\""})"}, {6, R"({"a":"","b,\"c":"y"})"}}));
  // JSON in a cell stays a string.
  EXPECT_EQ(read("a.csv", "messages\n\"[{\"\"role\"\": \"\"user\"\"}]\"\n"),
            (Rows{{2, R"({"messages":"[{\"role\": \"user\"}]"})"}}));
}

TEST_F(Csv, LinesEndInLfOrCrLfOrCrAndEmptyOnesAreSkipped) {
  const Rows expected = {{3, R"({"a":"1","b":"2"})"}, {5, R"({"a":"3","b":"4"})"}};
  EXPECT_EQ(read("a.csv",
                 "\xEF\xBB\xBF"
                 "a,b\n\n1,2\n\n3,4\n\n"),
            expected);
  EXPECT_EQ(read("a.csv", "a,b\r\n\r\n1,2\r\n\r\n3,4"), expected);
  EXPECT_EQ(read("a.csv", "a,b\r\r1,2\r\r3,4\r"), expected);
}

TEST_F(Csv, FieldsOfEveryLengthComeWhole) {
  std::string text = "a,b\r\n";
  Rows expected;
  for (int64_t i = 1; i <= 3000; ++i) {
    const std::string x(static_cast<size_t>(i % 499), 'x');
    text += x + ",\"" + x + "\"\"\"\r\n";
    expected.emplace_back(i + 1, "{\"a\":\"" + x + "\",\"b\":\"" + x + "\\\"\"}");
  }
  EXPECT_EQ(read("a.csv", text), expected);
}

// CR LF and doubled quotes at the end of the first buffer.
TEST_F(Csv, RowsAreSplitAcrossBuffers) {
  for (size_t size = (size_t{256} << 10) - 10; size < (size_t{256} << 10) + 2; ++size) {
    const std::string x(size, 'x');
    EXPECT_EQ(read("a.csv", "a\n" + x + "\r\n\"y\"\"\"\n"),
              (Rows{{2, "{\"a\":\"" + x + "\"}"}, {3, "{\"a\":\"y\\\"\"}"}}));
  }
}

TEST_F(Csv, RaggedRowsAreNamed) {
  expect_refused("a.csv", "a,b\n1,2\n\n3\n", "a.csv:4: 1 field, where the header has 2");
  expect_refused("a.csv", "a,b\n\"1\n\",2,3\n", "a.csv:2: 3 fields, where the header has 2");
}

TEST_F(Csv, BadQuotesAreNamed) {
  expect_refused(
      "a.csv", "a,b\n1,\"2\" x\n",
      "a.csv:2: \" x\" stands behind the closing quote of a field: quotes in one are doubled");
  expect_refused("a.csv", "a,b\n1,2\n3,\"4\n5,6\n",
                 "a.csv:3: the quote that begins a field here is not closed");
  expect_refused("a.csv", "a,b\n\"1\n2\",\"4\n5,6\n",
                 "a.csv:3: the quote that begins a field here is not closed");
}

TEST_F(Csv, HeadersWithoutOneNameAColumnAreRefused) {
  expect_refused(
      "a.csv", ",a\n0,1\n",
      "a.csv:1: column 1 has no name in the header (pandas writes its index so: index=False)");
  expect_refused("a.csv", "\na,b,a\n1,2,3\n", "a.csv:2: two columns are named \"a\" in the header");
  for (const char* bytes : {"", "\n\r\n", "\xEF\xBB\xBF"}) {
    expect_refused("a.csv", bytes,
                   "a.csv: it is empty: a header with the names of the columns is expected");
  }
}

TEST_F(Csv, TextThatIsNotUtf8IsRefused) {
  expect_refused("a.csv", "a\nx\xE9\n", "a.csv:2: not valid UTF-8 at byte 2");
  expect_refused("a.csv", "\xE9\n", "a.csv:1: not valid UTF-8 at byte 1");
  expect_refused("a.csv",
                 "\xff\xfe"
                 "a\0,\0b\0\n\0"sv,
                 "a.csv is no CSV: it is in UTF-16, as PowerShell's > and Out-File write it; save "
                 "it as UTF-8");
  expect_refused("a.tsv", "PK\x03\x04", "a.tsv is no TSV: it is a zip archive");
}

}  // namespace
}  // namespace graft::data
