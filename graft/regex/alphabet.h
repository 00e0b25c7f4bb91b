#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/unicode/code_point_set.h"

namespace graft::regex {

/// The kinds of characters that some sets distinguish, each numbered by a byte: two characters are
/// of the same kind if each set has both or neither. Translated to kinds, a text has one byte per
/// character, and a set of characters is a set of bytes. The line feed is a kind of its own, with
/// its own number.
class Alphabet {
 public:
  /// Throws Error that begins with `where` if the sets distinguish more than 256 kinds.
  Alphabet(const std::vector<unicode::CodePointSet>& sets, const std::string& where);

  /// The kinds that a set has, by its index, as a bracket expression of PCRE2.
  const std::string& kinds_of(size_t set) const { return kinds_[set]; }

  /// Writes the kind of each character of `text` (valid UTF-8).
  void translate(std::string_view text, std::string& kinds) const;

 private:
  static constexpr uint32_t kBlock = 128;  // code points

  uint8_t kind(uint32_t code_point) const {
    return blocks_[block_of_[code_point / kBlock]][code_point % kBlock];
  }

  std::vector<uint16_t> block_of_;  // which of the blocks a code point's kind is in
  std::vector<std::array<uint8_t, kBlock>> blocks_;
  std::vector<std::string> kinds_;
};

}  // namespace graft::regex
