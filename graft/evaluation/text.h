#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft::evaluation {

/// Without ASCII white space at both ends.
std::string_view trimmed(std::string_view text);

/// The words of a text as SQuAD's evaluation has them: in lower case, without punctuation (every
/// character of Unicode's categories P, and ASCII's symbols) and the articles a, an and the. What
/// is not UTF-8 counts as U+FFFD.
std::vector<std::string> normalized_words(std::string_view text);

/// A name or text of SQL: between quotes, and quotes in it twice.
std::string sql_quoted(std::string_view text, char quote);

/// ASCII letters in lower case.
std::string ascii_lower(std::string_view text);

}  // namespace graft::evaluation
