#pragma once

#include <string>

#include "graft/base/files.h"
#include "graft/tokenizer/tokenizer_config.h"

namespace graft::tokenizer {

/// The JSON documents of a tokenizer; all but the first may be empty.
struct TokenizerFiles {
  std::string tokenizer_json{}, tokenizer_config_json{}, special_tokens_map_json{};
  std::string added_tokens_json{};
  bool is_converted = false;            ///< the first was made from another file
  std::string model_type{};             ///< what config.json calls the model, if it is there
  std::string model_class{};            ///< and its tokenizer's class
  std::string name = "tokenizer.json";  ///< the first document's name in errors
  std::string config_name = "tokenizer_config.json";
  std::string special_tokens_map_name = "special_tokens_map.json";
  std::string added_tokens_name = "added_tokens.json";
  bool decoder_is_converted = false;  ///< see TokenizerConfigFiles

  TokenizerConfigFiles config_files() const {
    return {.config = {tokenizer_config_json, config_name},
            .special_map = {special_tokens_map_json, special_tokens_map_name},
            .added_tokens = {added_tokens_json, added_tokens_name},
            .decoder_is_converted = decoder_is_converted};
  }
};

/// The documents of a folder, made from the first of these files that is there: tokenizer.json,
/// tokenizer.model (SentencePiece or tiktoken, as its content says), the first *.tiktoken,
/// tekken.json, vocab.json with merges.txt. Throws Error, which names the file, if there is none or
/// it is broken.
TokenizerFiles read_tokenizer_files(const fs::path& folder);

/// The class of transformers that they are read as; see resolved_class.
std::string class_of(const TokenizerFiles& files, const TokenizerConfig& config);

}  // namespace graft::tokenizer
