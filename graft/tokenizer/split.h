#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "graft/base/span.h"

namespace graft::tokenizer {

/// The ways of cutting text into words that tokenizers use most. Each is a regular expression
/// in their files; here it is a scanner that cuts at the same places in one pass.
enum class SplitRule {
  /// GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  gpt2,
  /// Llama 3, cl100k: contractions in any case, a letter run with one character before it, at most
  /// three digits, line ends with what stands before them
  llama3,
  /// Qwen2: as llama3, but one digit at a time
  qwen2,
  /// \w+|[^\w\s]+: runs of word characters and of others; white space lies between the words
  words,
};

/// The rule of a regular expression as tokenizer.json files spell it, if it is one of ours.
std::optional<SplitRule> split_rule_of_pattern(std::string_view pattern);

/// The regular expression of a rule, as tokenizer.json files spell it.
std::string_view pattern_of(SplitRule rule);

/// Whether the words of a rule leave nothing out.
inline bool covers_text(SplitRule rule) { return rule != SplitRule::words; }

/// Appends the words of a stretch of a text (valid UTF-8). Look-ahead stops at its end.
void split_words(SplitRule rule, std::string_view text, Span stretch, std::vector<Span>& words);

}  // namespace graft::tokenizer
