#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "graft/regex/regex.h"
#include "graft/tokenizer/origins.h"

namespace graft::tokenizer {

/// Replaces each match of a pattern by `content`, as a normalizer's or decoder's Replace does.
class Replacement {
 public:
  /// An empty literal pattern matches nowhere.
  Replacement(std::variant<std::string, regex::Regex> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  const std::variant<std::string, regex::Regex>& pattern() const { return pattern_; }
  const std::string& content() const { return content_; }

  /// The text must be valid UTF-8. Throws Error when a regular expression reaches its limits, and
  /// when the result has more than `most` bytes.
  std::string apply(std::string_view text, size_t most) const { return apply(text, most, nullptr); }

  /// The same with the origins of the result, if `origins` is not null: `content` belongs to the
  /// last character of the match. Throws Error if an empty match begins the text, where there is
  /// none.
  std::string apply(std::string_view text, size_t most, Origins* origins) const;

 private:
  std::variant<std::string, regex::Regex> pattern_;
  std::string content_;
};

/// The most bytes that a text of a number of bytes may grow to: a few replacements, one after the
/// other, could make gigabytes of a word.
constexpr size_t most_grown(size_t bytes) { return 64 * bytes + 65536; }

}  // namespace graft::tokenizer
