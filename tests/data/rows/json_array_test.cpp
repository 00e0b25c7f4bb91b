#include <gtest/gtest.h>

#include "tests/data/rows/read_all.h"

namespace graft::data {
namespace {

using Rows = std::vector<LineAndText>;

class JsonArray : public RowFiles {};

TEST_F(JsonArray, ElementsAreRowsWithTheLinesTheyBeginOn) {
  const Rows expected = {{2, R"({"a":"[}\"\\"})"}, {3, R"({"a":{"b":[]}})"}, {4, "{}"}};
  const std::string text = "[\n {\"a\": \"[}\\\"\\\\\"},\n{\"a\": {\"b\": []\n}} , {}\n]\n";
  for (const char* name : {"a.json", "a.jsonl", "a.anything"})
    EXPECT_EQ(read(name, text), expected);
  EXPECT_EQ(read("a.json", "\xEF\xBB\xBF \r\n[\r\n{},\r{}\r\n,{}]"),
            (Rows{{3, "{}"}, {4, "{}"}, {5, "{}"}}));
  EXPECT_TRUE(read("a.json", " [ ] ").empty());
}

TEST_F(JsonArray, LinesInAJsonAreRowsToo) {
  EXPECT_EQ(read("a.json", "{\"a\": [{}]}\n{\"a\": 2}\n"),
            (Rows{{1, R"({"a":[{}]})"}, {2, R"({"a":2})"}}));
  EXPECT_EQ(read("a.json", "{\"text\": \"a\", \"tags\": [\"x\"]}"),
            (Rows{{1, R"({"text":"a","tags":["x"]})"}}));
  EXPECT_EQ(read("a.json", R"({"messages": [{"role": "user"}]})"),
            (Rows{{1, R"({"messages":[{"role":"user"}]})"}}));
  EXPECT_TRUE(read("a.json", "").empty());
}

TEST_F(JsonArray, MayBeTheOneArrayOfAnObject) {
  const Rows expected = {{1, R"({"a":1})"}, {1, R"({"a":2})"}};
  EXPECT_EQ(read("a.json", R"({"data": [{"a":1}, {"a":2}]})"), expected);
  EXPECT_EQ(
      read("a.json", R"({"version": "[1]", "of": {"x": [2]}, "data": [{"a":1}, {"a":2}], "n": 2})"),
      expected);
  EXPECT_EQ(read("a.json", "{\n  \"data\": [\n    {\"a\":1}\n  ]\n}\n"), (Rows{{3, R"({"a":1})"}}));
  // In JSONL it is a row.
  EXPECT_EQ(read("a.jsonl", R"({"data":[{"a":1}]})"), (Rows{{1, R"({"data":[{"a":1}]})"}}));
  expect_refused("a.json", "{\"a\": [{}],\n \"b\": [{}]}",
                 "a.json:2: another array, under \"b\": of the object's members only one can hold "
                 "the rows");
  expect_refused("a.json", "{\n\"text\": \"a\"\n}",
                 "a.json: an object none of whose members is an array: rows are objects, in an "
                 "array or each on a line");
}

TEST_F(JsonArray, ElementsThatAreNoObjectsAreNamed) {
  expect_refused("a.json", "[{},\n1]", "a.json:2: a JSON object is expected, not number");
  expect_refused("a.json", "[{},\n[]]", "a.json:2: a JSON object is expected, not array");
  expect_refused("a.json", "[\n{]}\n]", "a.json:2: not valid JSON at byte 2");
  expect_refused("a.json", "[{\"a\": tru}]", "a.json:1: not valid JSON at byte 10");
  expect_refused("a.json", "[{\"a\":\n \"\xff\"}]", "a.json:1: not valid UTF-8 at byte 9");
}

TEST_F(JsonArray, WhatIsMissingOrTooMuchIsNamed) {
  const std::string cut = "the end of the file: is it cut off?";
  expect_refused("a.json", "[", "a.json:1: the rest of the array is expected, not " + cut);
  expect_refused("a.json", "[{},\n", "a.json:2: the rest of the array is expected, not " + cut);
  expect_refused("a.json", "[{}",
                 "a.json:1: a comma or ] behind an element of the array is expected, not " + cut);
  expect_refused("a.json", "[{},\n {\"a\": \"",
                 "a.json:2: the file ends inside what begins here: is it cut off?");
  expect_refused("a.json", "[{}\n{}]",
                 "a.json:2: a comma or ] behind an element of the array is expected, not \"{\"");
  expect_refused("a.json", "[{},\n]",
                 "a.json:2: an element behind the comma is expected, not \"]\"");
  expect_refused("a.json", "[{}]\n[{}]",
                 "a.json:2: nothing behind the JSON is expected, not \"[\"");
  expect_refused("a.json", std::string("[{}]\n\0", 6),
                 "a.json:2: nothing behind the JSON is expected, not \"\\u0000\"");
  expect_refused("a.json", "{\n\"a\" [{}]}",
                 "a.json:2: a colon behind the key is expected, not \"[\"");
  expect_refused("a.json", "{\n\"a\":}", "a.json:2: a value is expected, not \"}\"");
  expect_refused("a.json", "{\na: [{}]}", "a.json:2: a key in quotes is expected, not \"a\"");
  expect_refused("a.json", "{\n\"a\": [{}]",
                 "a.json:2: a comma or } behind a member of the object is expected, not " + cut);
}

// CR LF at the end of the first buffer.
TEST_F(JsonArray, LinesAreCountedAcrossBuffers) {
  for (size_t spaces = (size_t{256} << 10) - 5; spaces < (size_t{256} << 10) + 2; ++spaces) {
    EXPECT_EQ(read("a.json", "[" + std::string(spaces, ' ') + "\r\n{}]"), (Rows{{2, "{}"}}));
    EXPECT_EQ(read("a.json", "[" + std::string(spaces, ' ') + "\r\r{}]"), (Rows{{3, "{}"}}));
  }
}

// Elements of all lengths, so that buffers end everywhere in them.
TEST_F(JsonArray, ElementsOfEveryLengthComeWhole) {
  std::string text = "[";
  Rows expected;
  for (int64_t i = 1; i <= 3000; ++i) {
    std::string row = "{\"a\":\"" + std::string(static_cast<size_t>(i % 997), '"') + "\"}";
    for (size_t at = row.size() - 3; at > 5; --at) row.insert(at, "\\");
    text += (i > 1 ? ",\r\n" : "") + row;
    expected.emplace_back(i, row);
  }
  EXPECT_EQ(read("a.json", text + "]"), expected);
}

}  // namespace
}  // namespace graft::data
