#include "graft/base/printable.h"

#include <gtest/gtest.h>

namespace graft {
namespace {

TEST(Printable, LeavesTextAsItIs) {
  for (const char* text :
       {"", "plain", "two\nlines\tand a tab", "äöü ℝ 漢字 🙂", "\\u{1b}"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, EscapesWhatSteersATerminal) {
  EXPECT_EQ(printable("a\x1b[31mred\x07"), "a\\u{1b}[31mred\\u{7}");
  EXPECT_EQ(printable("over\rwritten\x7f\b"), "over\\u{d}written\\u{7f}\\u{8}");
  EXPECT_EQ(printable("\u009b2J \u0085"), "\\u{9b}2J \\u{85}");  // one character, in UTF-8
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\u{0}");
}

TEST(Printable, EscapesBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\x9b"
                      "2J"),
            "\\x9b2J");
  EXPECT_EQ(printable("\xc3"), "\\xc3");
  EXPECT_EQ(printable("\xe2\x82x"), "\\xe2\\x82x");
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");           // too long a form
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

}  // namespace
}  // namespace graft
