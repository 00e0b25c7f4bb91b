#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/added_tokens.h"
#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {

/// Settings from the other files of a folder; a tiktoken file has only tokens and ranks. All may be
/// missing.
struct TiktokenHints {
  std::string tokenizer_class{};  ///< tokenizer_config.json
  std::string model_type{};       ///< config.json
  /// `added_tokens_decoder` of tokenizer_config.json, with ids; if empty, the special tokens are
  /// those of the family.
  std::vector<AddedToken> added{};
  /// From tokenizer_config.json; missing: those of the family, and none are added to texts.
  std::optional<std::string> bos_token{}, eos_token{}, pad_token{}, unk_token{};
  std::optional<bool> add_bos_token{}, add_eos_token{};
};

/// Converts a tiktoken file (lines of a token in base64, a space and its rank) to the files that
/// `tokenizers` and `transformers` load. How words are cut and which special tokens there are
/// depends on the family (Llama 3, Llama 4, Qwen). The hints name it; otherwise it is recognized by
/// its vocabulary. Throws Error, which begins with `name`, if the file is broken or of no known
/// family.
TokenizerDocuments tiktoken_tokenizer(std::string_view bytes, const TiktokenHints& hints,
                                      const std::string& name);

/// Whether a file begins as tiktoken files do: with a token and its rank. Looks at no more than
/// that.
bool looks_like_tiktoken(std::string_view bytes);

}  // namespace graft::tokenizer
