#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <thread>

#include "tests/data/rows/read_all.h"

namespace graft::data {
namespace {

using Rows = std::vector<LineAndText>;
using std::string_view_literals::operator""sv;

class JsonLines : public RowFiles {};

TEST_F(JsonLines, AreRowsWithTheirLines) {
  EXPECT_EQ(read("a.jsonl", "{\"b\": 1, \"a\": [null, {\"x\": true}]}\n{}\n"),
            (Rows{{1, R"({"b":1,"a":[null,{"x":true}]})"}, {2, "{}"}}));
}

TEST_F(JsonLines, BlankOnesAreCountedAndSkipped) {
  EXPECT_EQ(read("a.jsonl", "\n{\"a\": 1}\n\n \t\r\n{\"a\": 2}\n\n"),
            (Rows{{2, R"({"a":1})"}, {5, R"({"a":2})"}}));
  for (const char* bytes : {"", "\xEF\xBB\xBF", "\n\n", " \t"}) {
    EXPECT_TRUE(read("a.jsonl", bytes).empty());
  }
}

TEST_F(JsonLines, EndInLfOrCrLfOrCrOrWithTheFile) {
  EXPECT_EQ(read("a.jsonl", "\xEF\xBB\xBF{\"a\":1}\r\n{\"a\":\"\\r\\n\"}\r\n"),
            (Rows{{1, R"({"a":1})"}, {2, R"({"a":"\r\n"})"}}));
  EXPECT_EQ(read("a.jsonl", "{\"a\":1}\r{\"a\":2}\r\n\r{\"a\":3}\n{\"a\":4}"),
            (Rows{{1, R"({"a":1})"}, {2, R"({"a":2})"}, {4, R"({"a":3})"}, {5, R"({"a":4})"}}));
}

// Lines of all lengths, so that buffers end everywhere in them, also between CR and LF.
TEST_F(JsonLines, OfEveryLengthComeWhole) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    std::string text;
    Rows expected;
    for (int64_t line = 1; line <= 3000; ++line) {
      const std::string row =
          "{\"a\":\"" + std::string(static_cast<size_t>(line % 997), 'x') + "\"}";
      text += row + end;
      expected.emplace_back(line, row);
    }
    EXPECT_EQ(read("a.jsonl", text), expected);
  }
}

TEST_F(JsonLines, MayBeLong) {
  const std::string row = "{\"a\":\"" + std::string(100'000'000, 'x') + "\"}";
  testing::write_bytes(folder_ / "a.jsonl", "{\"a\":1}\n" + row + "\n{\"a\":2}\n");
  const auto reader = open_rows(folder_ / "a.jsonl", "a.jsonl");
  RawRow raw;
  EXPECT_TRUE(reader->next(raw));
  EXPECT_TRUE(reader->next(raw));
  EXPECT_TRUE(raw.text == row);
  EXPECT_TRUE(reader->next(raw));
  EXPECT_EQ(raw.text, "{\"a\":2}");
  EXPECT_EQ(raw.line, 3);
}

TEST_F(JsonLines, LongerThanTheLimitAreRefused) {
  // A file with a hole, which reads as zeros.
  testing::write_bytes(folder_ / "a.jsonl", "{}\n{");
  fs::resize_file(folder_ / "a.jsonl", size_t{300} << 20);
  const auto reader = open_rows(folder_ / "a.jsonl", "a.jsonl");
  RawRow raw;
  EXPECT_TRUE(reader->next(raw));
  testing::expect_error([&] { reader->next(raw); },
                        "a.jsonl:2: a row of 256 MiB or more begins here");
}

TEST_F(JsonLines, HaveTheNumbersOfPython) {
  testing::write_bytes(folder_ / "a.jsonl", R"({"a": [NaN, Infinity, -Infinity, 1e999, "NaN"]})");
  for_each_row(folder_ / "a.jsonl", "a", [&](const ordered_json& row, int64_t) {
    EXPECT_TRUE(std::isnan(row["a"][0].get<double>()));
    EXPECT_EQ(row["a"][1], INFINITY);
    EXPECT_EQ(row["a"][2], -INFINITY);
    EXPECT_EQ(row["a"][3], INFINITY);
    EXPECT_EQ(row["a"][4], "NaN");
  });
  // Of equal keys the last value stands, where the first was.
  EXPECT_EQ(read("a.jsonl", R"({"a": 1, "b": 2, "a": 3})"), (Rows{{1, R"({"a":3,"b":2})"}}));
}

// Python has all digits of any integer; here those of 64 bits are exact, and others are doubles.
TEST_F(JsonLines, IntegersBeyond64BitsAreTheNearestDouble) {
  EXPECT_EQ(read("a.jsonl",
                 "{\"a\": 18446744073709551615, \"b\": -9223372036854775808}\n"
                 "{\"a\": 18446744073709551616, \"b\": -9223372036854775809}"),
            (Rows{{1, R"({"a":18446744073709551615,"b":-9223372036854775808})"},
                  {2, R"({"a":1.8446744073709552e+19,"b":-9.223372036854776e+18})"}}));
}

TEST_F(JsonLines, KeepEveryCharacter) {
  EXPECT_EQ(read("a.jsonl", "{\"a\": \" \\u00e9\\ud83d\\ude00\\u0000\\n\xC3\xA9 \"}"),
            (Rows{{1, "{\"a\":\" \xC3\xA9\xF0\x9F\x98\x80\\u0000\\n\xC3\xA9 \"}"}}));
}

TEST_F(JsonLines, ThatAreNoObjectsAreNamed) {
  expect_refused("a.jsonl", "{}\n[{}]\n", "a.jsonl:2: a JSON object is expected, not array");
  expect_refused("a.jsonl", "1\n", "a.jsonl:1: a JSON object is expected, not number");
  expect_refused("a.jsonl", "{}\n\n{\"a\" 1}\n", "a.jsonl:3: not valid JSON at byte 6");
  expect_refused("a.jsonl", "{}\n{\"a\": 1\n",
                 "a.jsonl:2: not valid JSON at byte 7: it ends too early");
  expect_refused("a.jsonl", "{} {}\n", "a.jsonl:1: not valid JSON at byte 4");
  expect_refused("a.jsonl", "{\"a\": \"\xff\"}\n", "a.jsonl:1: not valid UTF-8 at byte 8");
  expect_refused("a.jsonl", "{\"a\": " + std::string(64, '[') + std::string(64, ']') + "}",
                 "a.jsonl:1: JSON nested deeper than 64 levels");
  std::string keys;
  for (int i = 0; i <= 10000; ++i) keys += fmt::format(",\"{}\":[\":\"]", i);
  expect_refused("a.jsonl", "{\"a\": {" + keys.substr(1) + "}}",
                 "a.jsonl:1: a JSON object with more than 10000 keys");
  EXPECT_EQ(read("a.jsonl", "[{" + keys.substr(1, keys.rfind(',') - 1) + "}]").size(), 1u);
  // A row over several lines.
  expect_refused("a.jsonl", "{\n  \"text\": \"a\"\n}",
                 "a.jsonl:1: not valid JSON at byte 1: it ends too early");
}

TEST_F(JsonLines, OfAnotherKindAreNamed) {
  const std::string utf16 =
      "a.jsonl is no JSONL: it is in UTF-16, as PowerShell's > and Out-File "
      "write it; save it as UTF-8";
  expect_refused("a.jsonl", "\xff\xfe{\0\"\0t\0"sv, utf16);
  expect_refused("a.jsonl", "\xfe\xff\0{\0\"\0t"sv, utf16);
  expect_refused("a.jsonl", "{\0\"\0t\0e\0x\0"sv, utf16);
  expect_refused("a.jsonl", "PAR1....", "a.jsonl is no JSONL: it is a Parquet file");
  expect_refused("a.jsonl", "BZh9....", "a.jsonl is no JSONL: it is compressed (bzip2)");
  expect_refused(
      "a.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
      "a.jsonl is a Git LFS pointer, not the file itself: run git lfs pull in its folder");
  testing::expect_error([&] { open_rows(folder_ / "none.jsonl", "none.jsonl"); },
                        "cannot open none.jsonl: No such file or directory");
  testing::expect_error([&] { open_rows(folder_.path(), "a folder"); },
                        "cannot read a folder: Is a directory");
}

TEST_F(JsonLines, AreReadFromTextsAndStreamsToo) {
  const std::string text = "{\"a\":1}\n{\"a\":2}";
  const Rows expected = {{1, R"({"a":1})"}, {2, R"({"a":2})"}};
  EXPECT_EQ(read_all(*read_rows(text, "text")), expected);
  std::istringstream stream(text);
  EXPECT_EQ(read_all(*read_rows(stream, "stream")), expected);
  testing::expect_error([] { read_all(*read_rows("[1]", "standard input")); },
                        "standard input:1: a JSON object is expected, not number");
}

TEST_F(JsonLines, AreParsedByAnyThread) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += fmt::format("{{\"a\": {}}}\n", i);
  const auto reader = read_rows(text, "text");
  std::vector<RawRow> raw(1000);
  for (RawRow& row : raw) ASSERT_TRUE(reader->next(row));
  std::vector<std::thread> threads;
  std::vector<int> sums(4);
  for (size_t t = 0; t < sums.size(); ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < raw.size(); i += sums.size()) {
        sums[t] += reader->parse(raw[i])["a"].get<int>();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sums[0] + sums[1] + sums[2] + sums[3], 499500);
}

TEST_F(JsonLines, SayHowMuchIsDone) {
  const std::string text(2'000'000, '\n');
  testing::write_bytes(folder_ / "a.jsonl", "{}\n" + text + "{}\n");
  const auto reader = open_rows(folder_ / "a.jsonl", "a");
  RawRow raw;
  EXPECT_TRUE(reader->next(raw));
  EXPECT_LT(reader->done(), 0.5);
  EXPECT_TRUE(reader->next(raw));
  EXPECT_EQ(reader->done(), 1);
  EXPECT_FALSE(reader->next(raw));
  EXPECT_FALSE(reader->next(raw));
}

}  // namespace
}  // namespace graft::data
