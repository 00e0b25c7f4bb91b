#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {

/// A byte-level BPE tokenizer that is given by ranks, as tiktoken has it: of the pairs in a word
/// the one that makes the token of the lowest rank merges first, and a word that is a token is that
/// token. The merges of a tokenizer.json follow from that.
struct RankedBpe {
  std::vector<std::string> tokens{};        ///< their bytes, by rank
  std::vector<std::string> first_tokens{};  ///< tokens of no text, whose ids come before the ranks
  std::string_view pattern{};               ///< the regular expression that cuts words
};

/// What the documents of the tokenizer are made of: pre-tokenizer, decoder and model. A token that
/// is spelled as one of `first_tokens` has its id. Throws Error, which begins with `name`, if one
/// is empty, two are the same, or a byte has no token.
TokenizerParts ranked_bpe_parts(const RankedBpe& bpe, const std::string& name);

}  // namespace graft::tokenizer
