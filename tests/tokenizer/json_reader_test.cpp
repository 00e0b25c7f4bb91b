#include "graft/tokenizer/json_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/expect_error.h"

namespace graft {
namespace {

std::string string_of(std::string_view json) {
  JsonReader reader(json, "x.json");
  std::string buffer;
  std::string result(reader.string(buffer));
  reader.finish();
  return result;
}

TEST(JsonReader, ReadsWhatItIsAskedFor) {
  JsonReader reader(R"( {"a": [1, -2 , 3], "b" : {}, "c": "x", "d": [[], 1.5e3, null, true]} )",
                    "x");
  std::string seen;
  reader.object([&](std::string_view key) {
    seen += key;
    if (key == "a") {
      reader.array([&] { seen += std::to_string(reader.integer()); });
    } else {
      seen += reader.skip();
    }
  });
  reader.finish();
  EXPECT_EQ(seen, R"(a1-23b{}c"x"d[[], 1.5e3, null, true])");
}

TEST(JsonReader, UnescapesStrings) {
  EXPECT_EQ(string_of(R"("plain")"), "plain");
  EXPECT_EQ(string_of(R"("")"), "");
  EXPECT_EQ(string_of(R"("a\"b\\c\/d\b\f\n\r\t")"), "a\"b\\c/d\b\f\n\r\t");
  EXPECT_EQ(string_of(R"("\u0041\u00e9\u4F60\ud83D\uDE00z")"), "A\u00E9\u4F60\U0001F600z");
  EXPECT_EQ(string_of(R"("\u0000")"), std::string(1, '\0'));
}

TEST(JsonReader, RefusesBrokenText) {
  using testing::expect_error;
  for (const char* bad :
       {"", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "\"\\ud800\\", "1", "\"a\" x"}) {
    expect_error([&] { string_of(bad); }, "x.json: byte ");
  }
  for (const char* bad : {"", "{", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}",
                          "{\"a\":1,}", "{a:1}", "{1:1}", "}", "[}", "?"}) {
    expect_error([&] { JsonReader(bad, "x.json").skip(); }, "x.json: byte ");
  }
  for (const char* bad : {"", "x", "1.5", "1e3", "-", "\"1\"", "99999999999999999999"}) {
    expect_error([&] { JsonReader(bad, "x.json").integer(); }, "expected a whole number");
  }
}

TEST(JsonReader, BoundsNesting) {
  std::string fits = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(JsonReader(fits, "x").skip(), fits);
  testing::expect_error([] { JsonReader(std::string(1 << 20, '['), "x").skip(); },
                        "nested deeper than 64");
}

}  // namespace
}  // namespace graft
