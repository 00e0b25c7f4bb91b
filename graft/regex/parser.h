#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/unicode/code_point_set.h"

namespace graft::regex {

/// A pattern in which every character and class is a set, and the rest is in PCRE2's syntax.
struct Parsed {
  /// Either a set (`set` is its index in `sets`) or, where `set` is -1, syntax.
  struct Piece {
    std::string syntax;
    int set = -1;
  };
  std::vector<Piece> pieces;
  std::vector<unicode::CodePointSet> sets;
};

/// Reads a pattern in Oniguruma's own syntax (doc/RE of Oniguruma). Throws Error, which begins with
/// `where` and has the offset in bytes, if the pattern does not compile or has something that is
/// not supported: back references, calls, conditions, absent operators, \K, \G, \X, (?x),
/// graphemes, and letters with case beyond ASCII under (?i).
Parsed parse(std::string_view pattern, const std::string& where);

}  // namespace graft::regex
