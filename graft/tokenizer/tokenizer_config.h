#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/added_tokens.h"

namespace graft::tokenizer {

/// What tokenizer_config.json and special_tokens_map.json say about tokens, merged as transformers
/// does: the map is used if the config has no `added_tokens_decoder`.
struct TokenizerConfig {
  /// "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token" and "mask_token",
  /// as far as they are named.
  std::map<std::string, std::string> special_tokens;
  /// Tokens with flags and ids of their own (`added_tokens_decoder`), by id.
  std::vector<AddedToken> added;
  /// The special tokens that are named (eos_token, additional_special_tokens, ...): added unless
  /// they exist already.
  std::vector<AddedToken> named;
  std::string tokenizer_class;
  /// What the classes of transformers look at; none if the config does not say.
  std::optional<bool> add_bos_token, add_eos_token, add_prefix_space, legacy;
};

/// An empty text means that the file is missing. The names are those of the files in errors.
TokenizerConfig read_tokenizer_config(std::string_view config, const std::string& config_name,
                                      std::string_view special_map,
                                      const std::string& special_map_name);

}  // namespace graft::tokenizer
