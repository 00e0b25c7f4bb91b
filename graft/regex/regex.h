#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/span.h"

namespace graft::regex {

/// A regular expression as tokenizer files have them: Oniguruma's own syntax, with the classes of
/// characters of one Unicode version, whatever the machine has. PCRE2 runs it, on a text in which
/// each character is a byte that says of which kind it is (Alphabet).
class Regex {
 public:
  /// Throws Error that begins with `where` if the pattern does not compile or has something that is
  /// not supported (parse).
  Regex(std::string_view pattern, const std::string& where);

  /// Appends the matches in a text (valid UTF-8), from left to right, none overlapping. An empty
  /// match right behind another match is none. Throws Error when the search takes too long or too
  /// much memory. Safe in several threads; copies share the compiled pattern.
  void find_all(std::string_view text, std::vector<Span>& matches) const;

 private:
  class Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace graft::regex
