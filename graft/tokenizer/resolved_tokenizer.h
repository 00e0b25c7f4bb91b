#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "graft/tokenizer/tokenizer_config.h"
#include "graft/tokenizer/tokenizer_files.h"
#include "graft/tokenizer/tokenizer_spec.h"

namespace graft::tokenizer {

/// A tokenizer as its files, its config and the class with which transformers loads it describe it
/// together: what Tokenizer runs, and what other formats are written from.
struct ResolvedTokenizer {
  TokenizerSpec spec;      ///< the config's added tokens are in it
  TokenizerConfig config;  ///< the names of the class are in it
  std::optional<int32_t> bos{}, eos{};

  /// The id of a token by its name ("pad_token"), if the tokenizer has it.
  std::optional<int32_t> id_of(const std::string& name) const;
};

/// Throws Error, which names the file and the field, if something is broken or not supported.
ResolvedTokenizer resolve_tokenizer(const TokenizerFiles& files);

}  // namespace graft::tokenizer
