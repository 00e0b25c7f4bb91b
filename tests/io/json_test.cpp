#include "graft/io/json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"

namespace graft::io {
namespace {

using testing::error_of;
using testing::expect_error;

TEST(Json, KnowsTheNumbersOfPython) {
  const json value = parse_json(
      R"({"a": [0.0, Infinity, -Infinity, NaN], "b": 1e999, "c": -2E+400, "d": "NaN, \"Infinity\""})",
      "x");
  EXPECT_EQ(value["a"][0], 0.0);
  EXPECT_EQ(value["a"][1], INFINITY);
  EXPECT_EQ(value["a"][2], -INFINITY);
  EXPECT_TRUE(std::isnan(value["a"][3].get<double>()));
  EXPECT_EQ(value["b"], INFINITY);
  EXPECT_EQ(value["c"], -INFINITY);
  EXPECT_EQ(value["d"], "NaN, \"Infinity\"");
}

TEST(Json, WritesTheNumbersOfPython) {
  const std::string text = R"({
    "a": [
        1.5,
        Infinity,
        -Infinity,
        NaN
    ],
    "Infinity": "NaN"
})";
  EXPECT_EQ(python_json(parse_ordered_json(text, "x")), text);
}

TEST(Json, OfEqualKeysTheLastStands) {
  EXPECT_EQ(parse_json(R"({"a": 1, "a": 2})", "x")["a"], 2);
  EXPECT_EQ(parse_json(R"({"a": NaN, "a": 2})", "x")["a"], 2);
  expect_error([] { parse_json(R"({"a": NaN, "a": 2})", "x", {.refuse_duplicates = true}); },
               "appears twice");
}

TEST(Json, ErrorsSayWhereAndNothingOfTheText) {
  const std::string secret(5000000, 'z');
  for (const std::string& text :
       std::vector<std::string>{"{\"a\": [1, " + secret, "[Infinit" + secret, "{\"a\" 1}",
                                std::string("nan"), std::string("[+Infinity]"),
                                std::string("{NaN: 1}"), std::string("[{\"a\": {1e999: 1}}]"),
                                std::string("{\"a\": 1e999"), std::string("[NaN, -]")}) {
    const std::string message = error_of([&] { parse_json(text, "config.json"); });
    EXPECT_TRUE(message.starts_with("config.json: not valid JSON at byte ")) << message;
    EXPECT_LT(message.size(), 100u);
    EXPECT_EQ(message.find("exception"), std::string::npos) << message;
  }
  expect_error([] { parse_json("[1, ", "x"); }, "x: not valid JSON at byte 4: it ends too early");
  expect_error([] { parse_json(std::string_view("{}\0{", 4), "x"); },
               "x: not valid JSON at byte 3");
  expect_error([] { parse_json(R"([{"a": {}, "b": 2}])", "x", {.keys = 1}); },
               "x: a JSON object with more than 1 keys");
  EXPECT_EQ(parse_json(R"([{"a": {":": ":"}}, {"b": 2}])", "x", {.keys = 1}).size(), 2u);
  EXPECT_EQ(error_of([] { parse_json("[tru]", "x"); }), "x: not valid JSON at byte 5");
  expect_error([] { parse_json("\"\xff\"", "x"); }, "x: not valid UTF-8 at byte 2");
}

TEST(Json, OfAnotherKindIsNamed) {
  expect_error([] { parse_json(std::string("\xff\xfe{\0", 4), "x"); }, "it is in UTF-16");
  expect_error([] { parse_json(std::string("{\0\"\0a\0\"\0:\0", 10), "x"); }, "it is in UTF-16");
  expect_error([] { parse_json("\xef\xbb\xbf{}x", "x"); }, "begins with a byte order mark");
  expect_error([] { parse_json("\n<!DOCTYPE html>", "x"); }, "it is a web page");
  expect_error([] { parse_json("", "x"); }, "it is empty");
}

}  // namespace
}  // namespace graft::io
