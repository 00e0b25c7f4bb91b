#include "graft/unicode/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace graft::unicode {
namespace {

size_t count_of(uint8_t mask) {
  size_t count = 0;
  for (uint32_t c = 0; c < 0x110000; ++c) count += (classes_of(c) & mask) != 0;
  return count;
}

// The counts that Hugging Face tokenizers 0.23 gives for \p{L}, \p{N}, \s and \w.
TEST(Unicode, ClassesAreThoseOfTheReference) {
  EXPECT_EQ(count_of(kLetter), 141028u);
  EXPECT_EQ(count_of(kNumber), 1911u);
  EXPECT_EQ(count_of(kSpace), 25u);
  EXPECT_EQ(count_of(kWord), 144667u);
}

TEST(Unicode, ClassesOfSomeCharacters) {
  EXPECT_EQ(classes_of('a'), kLetter | kWord);
  EXPECT_EQ(classes_of('7'), kNumber | kWord);
  EXPECT_EQ(classes_of(0xB2), kNumber);  // superscript two
  EXPECT_EQ(classes_of(0x85), kSpace);   // next line
  EXPECT_EQ(classes_of(0x200B), 0);      // zero width space is no space
  EXPECT_EQ(classes_of(0x301), kWord);   // combining acute
  EXPECT_EQ(classes_of(0x10FFFF), kNotNormalized);
  EXPECT_EQ(classes_of(0xE0100), kWord);  // beyond the direct table
  EXPECT_EQ(classes_of(0x110000), 0);
}

TEST(Unicode, EveryCodePointMakesTheRoundTrip) {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(valid_prefix(text), text.size()) << c;
    CodePoint found = decode(text.data());
    ASSERT_EQ(found.value, c);
    ASSERT_EQ(found.size, text.size());
  }
}

TEST(Unicode, ValidPrefixStopsAtTheFirstBrokenByte) {
  for (std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82", "\xF0\x9F\x98"}) {
    for (size_t before = 0; before < 20; ++before) {
      std::string text = std::string(before, 'x') + std::string(bad) + "tail after it";
      EXPECT_EQ(valid_prefix(text), before) << bad;
      EXPECT_EQ(valid_prefix(text.substr(0, before + bad.size())), before);
    }
  }
}

// The examples of the Unicode standard, table 3-8 and after; Python agrees.
TEST(Unicode, EachMaximalBrokenPartBecomesOneReplacement) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(replace_invalid("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a" + r + r + r + "b" + r + "c" + r + r + "d");
  EXPECT_EQ(replace_invalid("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replace_invalid("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(replace_invalid("\xF0\x9F\x98"), r);
  EXPECT_EQ(replace_invalid(""), "");
  EXPECT_EQ(replace_invalid("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(Unicode, AnIncompleteSequenceIsToldFromABrokenOne) {
  EXPECT_TRUE(broken_sequence("\xF0\x9F\x98").incomplete);
  EXPECT_TRUE(broken_sequence("\xE2").incomplete);
  EXPECT_FALSE(broken_sequence("\xE2 ").incomplete);
  EXPECT_FALSE(broken_sequence("\xFF").incomplete);
  EXPECT_FALSE(broken_sequence("\x80").incomplete);
  EXPECT_EQ(broken_sequence("\xF0\x9F\x98x").size, 3u);
}

}  // namespace
}  // namespace graft::unicode
