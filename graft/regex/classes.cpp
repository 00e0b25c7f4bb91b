#include "graft/regex/classes.h"

namespace graft::regex {
namespace {

using unicode::Category;
using unicode::CodePointSet;
using unicode::set_of;

CodePointSet digits() { return CodePointSet::of(set_of({Category::Nd})); }

CodePointSet hexadecimal_digits() { return CodePointSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}}); }

// Unlike Rust's, the joiners are no part of a word.
CodePointSet word_class_in_brackets() {
  return CodePointSet::of(unicode::kWordCategories)
      .united(CodePointSet::of(unicode::kWordSymbol)
                  .intersected(CodePointSet(0x200C, 0x200D).complement()));
}

CodePointSet controls() {
  return CodePointSet::of(set_of({Category::Cc, Category::control_space}));
}

}  // namespace

// Outside of brackets Oniguruma asks its Latin-1 table first, where superscript digits and
// fractions are parts of words.
CodePointSet word_class() {
  return word_class_in_brackets().united(CodePointSet({{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}}));
}

std::optional<CodePointSet> class_of_escape(char letter, bool in_brackets) {
  switch (letter) {
    case 'd':
      return digits();
    case 's':
      return CodePointSet::of(unicode::kSpaces);
    case 'w':
      return in_brackets ? word_class_in_brackets() : word_class();
    case 'h':
      return hexadecimal_digits();
    case 'D':
    case 'S':
    case 'W':
    case 'H':
      return class_of_escape(static_cast<char>(letter - 'A' + 'a'), in_brackets)->complement();
    default:
      return std::nullopt;
  }
}

std::optional<CodePointSet> class_of_posix_bracket(std::string_view name) {
  if (name == "word") return word_class_in_brackets();
  if (name == "xdigit") return hexadecimal_digits();
  if (name == "ascii") return CodePointSet(0, 0x7F);
  if (name == "blank") {
    return CodePointSet::of(set_of({Category::Zs})).united(CodePointSet('\t', '\t'));
  }
  if (name == "cntrl") return controls();
  if (name == "punct") {
    return CodePointSet::of(unicode::kPunctuation | unicode::kSymbols);
  }
  for (std::string_view same : {"alnum", "alpha", "digit", "lower", "space", "upper"}) {
    if (name == same) return unicode::property_set(name);
  }
  return std::nullopt;
}

}  // namespace graft::regex
