#pragma once

#include <optional>
#include <string_view>

#include "graft/unicode/code_point_set.h"

// The character classes in Oniguruma's syntax, as Oniguruma 6.9.10 defines them.

namespace graft::regex {

/// What \d, \s, \w, \h or one of their negations (in capitals) matches.
std::optional<unicode::CodePointSet> class_of_escape(char letter, bool in_brackets);

/// What [:alpha:] and the like match inside of brackets.
std::optional<unicode::CodePointSet> class_of_posix_bracket(std::string_view name);

/// The characters that \b counts as part of a word.
unicode::CodePointSet word_class();

}  // namespace graft::regex
