#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graft/base/span.h"
#include "graft/regex/regex.h"
#include "graft/tokenizer/split.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {

/// Characters of some categories or with a flag; each of them is a match of its own.
struct CharacterSet {
  unicode::CategorySet categories = 0;
  uint8_t flags = 0;

  bool has(unicode::Properties p) const { return p.in(categories) || (p.bits & flags) != 0; }
};

/// How the matches of a pattern and the text between them become words.
enum class SplitBehavior {
  removed,               ///< the matches are dropped
  isolated,              ///< each match is a word
  merged_with_previous,  ///< a match is the end of the word before it
  merged_with_next,      ///< a match is the beginning of the word after it
  contiguous,            ///< neighbouring matches are one word
};

/// Cuts text into words at the matches of a pattern, as the pre-tokenizers of Hugging Face
/// tokenizers do.
class Splitter {
 public:
  using Pattern = std::variant<SplitRule, CharacterSet, std::string, regex::Regex>;

  /// With `invert` the text between the matches counts as the matches.
  Splitter(Pattern pattern, SplitBehavior behavior, bool invert = false)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  const Pattern& pattern() const { return pattern_; }
  SplitBehavior behavior() const { return behavior_; }
  bool inverts() const { return invert_; }

  /// Appends the words of a stretch of a text (valid UTF-8), none of them empty. Nothing outside
  /// the stretch is looked at. `matches` is a buffer.
  void split(std::string_view text, Span stretch, std::vector<Span>& words,
             std::vector<Span>& matches) const;

 private:
  void find_matches(std::string_view text, Span stretch, std::vector<Span>& matches) const;
  bool keeps_all() const;

  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace graft::tokenizer
