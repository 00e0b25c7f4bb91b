#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace graft {

/// The ways of cutting text into words that byte-level tokenizers use. Each is a regular expression
/// in their files; here it is a scanner that cuts at the same places in one pass.
enum class SplitRule {
  /// GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  gpt2,
  /// Llama 3, cl100k: contractions in any case, a letter run with one character before it, at most
  /// three digits, line ends with what stands before them
  llama3,
  /// Qwen2: as llama3, but one digit at a time
  qwen2,
  /// Every number character alone
  each_digit,
  /// Runs of number characters
  digit_runs,
};

/// The rule of a regular expression as tokenizer.json files spell it, if it is one of ours.
std::optional<SplitRule> split_rule_of_pattern(std::string_view pattern);

/// The regular expression of a rule, as tokenizer.json files spell it.
std::string_view pattern_of(SplitRule rule);

/// Cuts text[begin, end) and appends the end offset of each word, the last being `end`. The text
/// must be valid UTF-8. Look-ahead stops at `end`.
void split_words(SplitRule rule, std::string_view text, size_t begin, size_t end,
                 std::vector<size_t>& ends);

}  // namespace graft
