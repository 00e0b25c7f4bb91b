#include "graft/tokenizer/added_tokens.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace graft::tokenizer {
namespace {

AddedTokenMatcher matcher_of(std::vector<AddedToken> tokens) {
  std::vector<std::string> patterns;
  for (const AddedToken& token : tokens) patterns.push_back(token.content);
  return {std::move(tokens), patterns};
}

// "text|<id>|text"
std::string split(const AddedTokenMatcher& matcher, std::string_view text) {
  std::vector<AddedTokenMatcher::Piece> pieces;
  matcher.split(text, pieces);
  std::string shown;
  for (const auto& piece : pieces) {
    if (!shown.empty()) shown += '|';
    std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
    shown += piece.id < 0 ? std::string(part) : fmt::format("<{}>", piece.id);
  }
  return shown;
}

TEST(AddedTokens, TheLongestAtTheLeftmostPlaceWins) {
  AddedTokenMatcher matcher =
      matcher_of({{1, "ab"}, {2, "abcd"}, {3, "bcde"}, {4, "c"}, {5, "\u00E9"}});
  EXPECT_EQ(split(matcher, "xabcdey"), "x|<2>|ey");
  EXPECT_EQ(split(matcher, "abce"), "<1>|<4>|e");
  EXPECT_EQ(split(matcher, "bcde\u00E9"), "<3>|<5>");
  EXPECT_EQ(split(matcher, "ab"), "<1>");
  EXPECT_EQ(split(matcher, "a"), "a");
  EXPECT_EQ(split(matcher, ""), "");
  EXPECT_EQ(split(AddedTokenMatcher(), "abc"), "abc");
}

TEST(AddedTokens, StripTakesWhiteSpace) {
  AddedTokenMatcher matcher = matcher_of(
      {{1, "<l>", false, true}, {2, "<r>", false, false, true}, {3, "<b>", false, true, true}});
  EXPECT_EQ(split(matcher, "a \u3000<l> b"), "a|<1>| b");
  EXPECT_EQ(split(matcher, "a <r> \n\tb"), "a |<2>|b");
  EXPECT_EQ(split(matcher, " <b> <b>  <l> "), "<3>|<3>|<1>| ");
  EXPECT_EQ(split(matcher, "<r>  <l>x"), "<2>|<1>|x");
}

TEST(AddedTokens, ASingleWordStandsAlone) {
  AddedTokenMatcher matcher = matcher_of({{1, "word", true}});
  EXPECT_EQ(split(matcher, "word (word) word's"), "<1>| (|<1>|) |<1>|'s");
  EXPECT_EQ(split(matcher, "sword words \u00E9word word_ word\u0301 7word"),
            "sword words \u00E9word word_ word\u0301 7word");
}

TEST(AddedTokens, WhiteSpaceIsSkippedOnce) {
  // Each of the tokens strips all the space behind it: not quadratic.
  AddedTokenMatcher matcher = matcher_of({{1, " ", false, false, true}});
  std::vector<AddedTokenMatcher::Piece> pieces;
  matcher.split(std::string(300000, ' '), pieces);
  EXPECT_EQ(pieces.size(), 300000u);
}

}  // namespace
}  // namespace graft::tokenizer
