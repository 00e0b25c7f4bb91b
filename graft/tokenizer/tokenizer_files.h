#pragma once

#include <string>

#include "graft/base/files.h"

namespace graft::tokenizer {

/// The JSON documents of a tokenizer; all but the first may be empty.
struct TokenizerFiles {
  std::string tokenizer_json{}, tokenizer_config_json{}, special_tokens_map_json{};
  bool is_converted = false;            ///< the first was made from another file
  std::string model_type{};             ///< what config.json calls the model, if it is there
  std::string name = "tokenizer.json";  ///< the first document's name in errors
  std::string config_name = "tokenizer_config.json";
  std::string special_tokens_map_name = "special_tokens_map.json";
};

/// The documents of a folder, made from the first of these files that is there: tokenizer.json,
/// tokenizer.model (SentencePiece or tiktoken, as its content says), the first *.tiktoken,
/// tekken.json. Throws Error, which names the file, if there is none or it is broken.
TokenizerFiles read_tokenizer_files(const fs::path& folder);

}  // namespace graft::tokenizer
