#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "graft/unicode/tables.h"

namespace graft::unicode {

/// A code point and the bytes that it takes in UTF-8.
struct CodePoint {
  uint32_t value;
  uint32_t size;
};

/// Code points below this are looked up in one step; above it lie variation selectors and tags,
/// private use and nothing else that has a class.
inline constexpr uint32_t kDirectLimit = 0x34000;

/// Classes of the code points below kDirectLimit. Made at the first call.
const uint8_t* class_table();

/// Classes of any code point; 0 above U+10FFFF.
uint8_t classes_of(uint32_t code_point);

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
