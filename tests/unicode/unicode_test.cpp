#include "graft/unicode/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace graft::unicode {
namespace {

template <class Condition>
size_t count(Condition condition) {
  size_t found = 0;
  for (uint32_t c = 0; c < 0x110000; ++c) found += condition(properties_of(c));
  return found;
}

// The counts that Hugging Face tokenizers 0.23 gives for \p{L}, \p{M}, \p{N}, \p{P}, \p{S}, \s, for
// \w of its pre-tokenizer Whitespace, and for its pre-tokenizer Punctuation.
TEST(Unicode, PropertiesAreThoseOfTheReference) {
  EXPECT_EQ(count([](Properties p) { return p.in(kLetters); }), 141028u);
  EXPECT_EQ(count([](Properties p) { return p.in(kMarks); }), 2501u);
  EXPECT_EQ(count([](Properties p) { return p.in(kNumbers); }), 1911u);
  EXPECT_EQ(count([](Properties p) { return p.in(kPunctuation); }), 855u);
  EXPECT_EQ(count([](Properties p) { return p.in(kSymbols); }), 8514u);
  EXPECT_EQ(count([](Properties p) { return p.in(kSpaces); }), 25u);
  EXPECT_EQ(count([](Properties p) { return p.is_word(); }), 144667u);
  EXPECT_EQ(count([](Properties p) { return p.has(kOldPunctuation); }), 726u);
}

TEST(Unicode, PropertiesOfSomeCharacters) {
  EXPECT_EQ(properties_of('a').bits, static_cast<uint8_t>(Category::Ll));
  EXPECT_EQ(properties_of('7').category(), Category::Nd);
  EXPECT_EQ(properties_of(0xB2).category(), Category::No);             // superscript two
  EXPECT_EQ(properties_of(0x85).category(), Category::control_space);  // next line
  EXPECT_FALSE(properties_of(0x200B).in(kSpaces));  // zero width space is no space
  EXPECT_TRUE(properties_of(0x301).in(kMarks));     // combining acute
  EXPECT_TRUE(properties_of(0x24B6).is_word());     // circled A
  EXPECT_EQ(properties_of(0x10FFFF).bits, kNotNormalized);
  EXPECT_EQ(properties_of(0xE0100).category(), Category::Mn);  // beyond the direct table
  EXPECT_EQ(properties_of(0xF0000).category(), Category::Co);
  EXPECT_EQ(properties_of(0x110000).bits, kNotNormalized);
}

TEST(Unicode, LowerCaseIsThatOfTheReference) {
  auto lower = [](uint32_t code_point) {
    std::string text;
    append_lower(text, code_point);
    return text;
  };
  EXPECT_EQ(lower('A'), "a");
  EXPECT_EQ(lower('a'), "a");
  EXPECT_EQ(lower(0x100), "\u0101");  // pairs: every other letter is a capital
  EXPECT_EQ(lower(0x101), "\u0101");
  EXPECT_EQ(lower(0x130), "i\u0307");
  EXPECT_EQ(lower(0x1E9E), "\u00DF");
  EXPECT_EQ(lower(0x1F600), "\U0001F600");
  size_t changed = 0;
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string same;
    append_utf8(same, c);
    changed += lower(c) != same;
  }
  EXPECT_EQ(changed, 1488u);
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
