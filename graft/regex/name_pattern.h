#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace graft::regex {

/// A regular expression over names of a model's parts, in the syntax that Python's `re` and PCRE2
/// share; from a file of somebody else, so with bounds on time and memory.
class NamePattern {
 public:
  /// Throws Error that begins with `where` if the pattern does not compile or is too large.
  NamePattern(std::string_view pattern, std::string where);

  /// Whether it matches all of a name, as Python's `re.fullmatch`. Throws Error when that takes too
  /// long. Not for several threads at once.
  bool matches(std::string_view name) const;

 private:
  class Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace graft::regex
