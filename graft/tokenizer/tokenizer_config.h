#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/added_tokens.h"

namespace graft::tokenizer {

/// What tokenizer_config.json, special_tokens_map.json and added_tokens.json say about tokens,
/// merged as transformers does: the last two count if the config has no `added_tokens_decoder`.
struct TokenizerConfig {
  /// "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token" and "mask_token",
  /// as far as they are named.
  std::map<std::string, std::string> special_tokens;
  /// Of those, all that the files have a value for, null included.
  std::set<std::string> mentioned;
  /// Tokens with ids of their own (`added_tokens_decoder`, added_tokens.json), by id.
  std::vector<AddedToken> added;
  /// Special tokens that are added unless they exist already, in this order: those of
  /// `special_tokens`, a model's own ("image_token"), and those without a name
  /// (extra_special_tokens).
  struct NamedToken {
    std::string name;  ///< empty if it has none
    AddedToken token;
  };
  std::vector<NamedToken> named;
  /// The flags of `named` count even where such a token exists.
  bool resets_flags = false;
  /// There is an `added_tokens_decoder`: for classes that build their own pipeline, the added
  /// tokens of tokenizer.json do not count then.
  bool lists_added = false;
  std::string tokenizer_class;
  /// What the classes of transformers look at; none if the config does not say.
  std::optional<bool> add_bos_token, add_eos_token, add_prefix_space, legacy;

  /// Names a token, at its place in `named`, unless the files have a value for the name.
  void name_unless_mentioned(const std::string& name, const std::string& content);
};

/// A file's text, empty if it is missing, and its name in errors.
struct NamedText {
  std::string text{}, name;
};

struct TokenizerConfigFiles {
  NamedText config{.name = "tokenizer_config.json"};
  NamedText special_map{.name = "special_tokens_map.json"};
  NamedText added_tokens{.name = "added_tokens.json"};
  /// The config's `added_tokens_decoder` is not its own but was made from another file.
  bool decoder_is_converted = false;
};

TokenizerConfig read_tokenizer_config(const TokenizerConfigFiles& files);

}  // namespace graft::tokenizer
