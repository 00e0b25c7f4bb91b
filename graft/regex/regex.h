#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/span.h"

namespace graft::regex {

/// A regular expression as in tokenizer files: Oniguruma's own syntax, with the character classes
/// of one Unicode version on all machines. PCRE2 runs it on a text in which each character is a
/// byte that gives its kind (Alphabet).
class Regex {
 public:
  /// Throws Error that begins with `where` if the pattern does not compile or has something that is
  /// not supported (parse).
  Regex(std::string_view pattern, const std::string& where);

  /// Appends the matches in a text (valid UTF-8), from left to right, none overlapping. An empty
  /// match right after another match does not count. Throws Error when the search takes too long or
  /// too much memory. Safe in several threads; copies share the compiled pattern.
  void find_all(std::string_view text, std::vector<Span>& matches) const;

  /// The expression as it was given.
  const std::string& pattern() const;

 private:
  class Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace graft::regex
