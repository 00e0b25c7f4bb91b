#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft::tokenizer {

/// Models whose tiktoken files need the same settings besides tokens and ranks.
struct TiktokenFamily {
  std::string_view name;
  /// Names in config.json and tokenizer_config.json that stand for it.
  std::vector<std::string_view> model_types, tokenizer_classes;
  /// Its own vocabulary: how many tokens and the last of them (base64).
  size_t vocabulary_size;
  std::string_view last_token;
  std::string pattern;                           ///< the regular expression that cuts words
  bool normalizes;                               ///< text is brought to NFC first
  std::vector<std::string> (*special_tokens)();  ///< after the ranks
  std::string_view bos_token, eos_token, pad_token;
};

/// The family of a vocabulary: the one that the names (each may be empty) stand for, or else the
/// one that has this vocabulary. Throws Error, which begins with `name`, if there is none or the
/// two disagree.
const TiktokenFamily& tiktoken_family(const std::vector<std::string>& tokens,
                                      std::string_view tokenizer_class, std::string_view model_type,
                                      const std::string& name);

}  // namespace graft::tokenizer
