#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "graft/regex/regex.h"

namespace graft::tokenizer {

/// Replaces each match of a pattern by `content`, as a normalizer's or decoder's Replace does.
class Replacement {
 public:
  /// An empty literal pattern matches nowhere.
  Replacement(std::variant<std::string, regex::Regex> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  /// The text must be valid UTF-8. Throws Error when a regular expression reaches its limits.
  std::string apply(std::string_view text) const;

 private:
  std::variant<std::string, regex::Regex> pattern_;
  std::string content_;
};

}  // namespace graft::tokenizer
