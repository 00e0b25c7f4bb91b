#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace graft::unicode {

/// A code point and the bytes that it takes in UTF-8.
struct CodePoint {
  uint32_t value;
  uint32_t size;
};

/// General categories. The control characters that are white space (U+0009 to U+000D, U+0085) have
/// one of their own.
enum class Category : uint8_t {
  Cn,  ///< unassigned
  Lu,
  Ll,
  Lt,
  Lm,
  Lo,
  Mn,
  Mc,
  Me,
  Nd,
  Nl,
  No,
  Pc,
  Pd,
  Ps,
  Pe,
  Pi,
  Pf,
  Po,
  Sm,
  Sc,
  Sk,
  So,
  Zs,
  Zl,
  Zp,
  Cc,
  Cf,
  Co,
  control_space,
};

/// Categories as bits.
using CategorySet = uint32_t;

constexpr CategorySet set_of(std::initializer_list<Category> categories) {
  CategorySet set = 0;
  for (Category category : categories) set |= CategorySet{1} << static_cast<unsigned>(category);
  return set;
}

inline constexpr CategorySet kLetters =
    set_of({Category::Lu, Category::Ll, Category::Lt, Category::Lm, Category::Lo});
inline constexpr CategorySet kMarks = set_of({Category::Mn, Category::Mc, Category::Me});
inline constexpr CategorySet kNumbers = set_of({Category::Nd, Category::Nl, Category::No});
inline constexpr CategorySet kPunctuation =
    set_of({Category::Pc, Category::Pd, Category::Ps, Category::Pe, Category::Pi, Category::Pf,
            Category::Po});
inline constexpr CategorySet kSymbols =
    set_of({Category::Sm, Category::Sc, Category::Sk, Category::So});
/// White_Space: what \s matches.
inline constexpr CategorySet kSpaces =
    set_of({Category::Zs, Category::Zl, Category::Zp, Category::control_space});
/// What \w matches, beside the characters with kWordSymbol.
inline constexpr CategorySet kWordCategories =
    kLetters | kMarks | set_of({Category::Nd, Category::Nl, Category::Pc});

/// Properties that the category does not give.
enum Flag : uint8_t {
  kWordSymbol = 32,      ///< \w of Rust's patterns: joiners, circled and squared letters
  kNotNormalized = 64,   ///< newer than the normalizer: left as it is, composes with nothing
  kOldPunctuation = 128  ///< what the pre-tokenizer Punctuation splits on
};

/// A category and flags of a character.
struct Properties {
  uint8_t bits;

  Category category() const { return static_cast<Category>(bits & 31); }
  bool in(CategorySet set) const { return (set >> (bits & 31) & 1) != 0; }
  bool has(Flag flag) const { return (bits & flag) != 0; }
  bool is_word() const { return in(kWordCategories) || has(kWordSymbol); }
};

/// Code points below this are looked up in one step; above it lie variation selectors and tags,
/// private use and nothing else that is assigned.
inline constexpr uint32_t kDirectLimit = 0x34000;

/// Properties::bits of the code points below kDirectLimit. Made at the first call.
const uint8_t* property_table();

/// Properties of any code point; those of an unassigned one above U+10FFFF.
Properties properties_of(uint32_t code_point);

/// Appends the lower-case form of a code point.
void append_lower(std::string& text, uint32_t code_point);

/// Bytes of the sequence that begins with `first`, which must begin a valid one.
inline size_t sequence_size(char first) {
  auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Where the character that ends at `end` begins. There must be one, of valid UTF-8.
inline size_t start_of_last(std::string_view text, size_t end) {
  do {
    --end;
  } while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

/// The code point that starts at `text`. The text must be valid UTF-8.
inline CodePoint decode(const char* text) {
  const auto* s = reinterpret_cast<const unsigned char*>(text);
  if (s[0] < 0x80) return {s[0], 1};
  if (s[0] < 0xE0) return {(s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu), 2};
  if (s[0] < 0xF0) return {(s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu), 3};
  return {(s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu), 4};
}

/// Appends the UTF-8 form of a code point (which must not be a surrogate).
void append_utf8(std::string& text, uint32_t code_point);

/// The length of the longest prefix that is valid UTF-8 (RFC 3629: no surrogates, no overlong
/// forms).
size_t valid_prefix(std::string_view text);

/// What stands at the start of `text`, which valid_prefix() found not to be valid.
struct BrokenSequence {
  size_t size;      ///< bytes of the maximal part, at least 1
  bool incomplete;  ///< the text ended inside a sequence that was valid so far
};
BrokenSequence broken_sequence(std::string_view text);

/// `text` with U+FFFD for each maximal part that is not valid UTF-8, as Python's errors="replace"
/// and the Unicode standard (chapter 3, "U+FFFD substitution of maximal subparts").
std::string replace_invalid(std::string_view text);

}  // namespace graft::unicode
