#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/added_tokens.h"

namespace graft::tokenizer {

/// The files of a Hugging Face tokenizer, as documents.
struct TokenizerDocuments {
  nlohmann::ordered_json tokenizer_json, tokenizer_config_json;
};

/// The contents of the documents of a tokenizer.
struct TokenizerParts {
  struct Named {
    std::string content;
    int32_t id;
  };

  nlohmann::ordered_json normalizer{}, pre_tokenizer{}, decoder{}, model{};
  std::vector<AddedToken> added{};
  std::optional<Named> bos{}, eos{}, unk{}, pad{};
  bool add_bos = false, add_eos = false;  ///< puts them around every text; they must be there
  std::string chat_template{};
  std::optional<int64_t> context_length{};
};

/// The documents as `tokenizers` and `transformers` load them, for any family of models.
TokenizerDocuments make_tokenizer_documents(TokenizerParts parts);

/// A BPE model without an unknown token and other options. The vocabulary is an object of tokens
/// and ids, the merges an array.
nlohmann::ordered_json bpe_model_json(nlohmann::ordered_json vocabulary,
                                      nlohmann::ordered_json merges);

/// The component ByteLevel, as pre-tokenizer or decoder; with `use_regex` it cuts words as GPT-2.
nlohmann::ordered_json byte_level_json(bool use_regex);

/// Pre-tokenizer: the matches of a regular expression and what lies between them are words.
nlohmann::ordered_json split_json(std::string_view pattern);

/// The component Replace: `pattern` is {"String": ...} or {"Regex": ...}.
nlohmann::ordered_json replace_json(nlohmann::ordered_json pattern, std::string_view content);

/// A sequence of components: the component itself if there is only one, null if there is none.
/// `key` is the name of the list of parts ("normalizers").
nlohmann::ordered_json sequence_json(std::string_view key,
                                     std::vector<nlohmann::ordered_json> components);

}  // namespace graft::tokenizer
