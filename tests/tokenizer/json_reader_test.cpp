#include "graft/tokenizer/json_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "graft/base/error.h"
#include "tests/support/expect_error.h"

namespace graft::tokenizer {
namespace {

std::string string_of(std::string_view document) {
  JsonReader reader(document, "x.json");
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

TEST(JsonReader, UnescapesWhereverTheEscapeIs) {
  for (size_t before = 0; before < 20; ++before) {
    std::string text(before, 'a'), after(20 - before, '\xC3');
    for (size_t i = 1; i < after.size(); i += 2) after[i] = '\xA9';
    after.resize(after.size() / 2 * 2);
    EXPECT_EQ(string_of('"' + text + "\\n" + after + '"'), text + "\n" + after);
    EXPECT_EQ(string_of('"' + text + "\\\"\""), text + "\"");
    testing::expect_error([&] { string_of('"' + text + "\x1F" + after + '"'); },
                          "x.json: byte " + std::to_string(before + 1) + ": expected an escaped");
  }
}

TEST(JsonReader, PassesOverAnArrayInParts) {
  constexpr size_t kPart = JsonReader::Passed::kPartEntries;
  for (size_t count : {size_t{0}, size_t{1}, kPart - 1, kPart, kPart + 1, 3 * kPart}) {
    std::string text = "  [ ";
    for (size_t i = 0; i < count; ++i) {
      text += fmt::format("{}\n          [{}, \"]\\\",\"]", i == 0 ? "" : ",", i);
    }
    text += "\n ] ";
    JsonReader reader(text, "x", 100);
    JsonReader::Passed passed = reader.pass();
    reader.finish();
    EXPECT_EQ(passed.text, std::string_view(text).substr(2, text.size() - 3));
    EXPECT_EQ(passed.offset, 102);
    EXPECT_EQ(passed.entries, count);
    EXPECT_EQ(passed.parts.size(), (count + kPart - 1) / kPart);
    int64_t next = 0;
    for (size_t part = 0; part < passed.parts.size(); ++part) {
      JsonReader elements(passed.part(part), "x");
      elements.elements([&] {
        std::string buffer;
        bool is_number = true;
        elements.array([&] {
          if (is_number) {
            EXPECT_EQ(elements.integer(), next++);
          } else {
            EXPECT_EQ(elements.string(buffer), "]\",");
          }
          is_number = false;
        });
      });
      elements.finish();
    }
    EXPECT_EQ(next, static_cast<int64_t>(count));
  }
}

TEST(JsonReader, CountsWhatItPassesOver) {
  auto entries = [](std::string_view text) { return JsonReader(text, "x").pass().entries; };
  EXPECT_EQ(entries("{}"), 0);
  EXPECT_EQ(entries("[  \n ]"), 0);
  EXPECT_EQ(entries("[0]"), 1);
  EXPECT_EQ(entries(R"({"a,": 1, "b": [2, {"c": "}", "d": ","}], "": null})"), 3);
  for (const char* bad : {"", "1", "\"a\"", "[", "[1,", "{\"a", "[\"\\", "[\"\\\"]", "[[]"}) {
    testing::expect_error([&] { JsonReader(bad, "x.json").pass(); }, "x.json: byte ");
  }
}

TEST(JsonReader, ReadsElementsToTheEnd) {
  auto sum = [](std::string_view text) {
    JsonReader reader(text, "x.json", 1000);
    int64_t total = 0;
    reader.elements([&] { total += reader.integer(); });
    return total;
  };
  EXPECT_EQ(sum("1, 2 ,3 "), 6);
  for (const char* bad : {"", " ", "1,", ",1", "1 2", "1,,2", "1]", "1, ]"}) {
    testing::expect_error([&] { sum(bad); }, "x.json: byte 100");
  }
}

TEST(JsonReader, BoundsNesting) {
  std::string fits = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(JsonReader(fits, "x").skip(), fits);
  testing::expect_error([] { JsonReader(std::string(1 << 20, '['), "x").skip(); },
                        "nested deeper than 64");
}

}  // namespace
}  // namespace graft::tokenizer
