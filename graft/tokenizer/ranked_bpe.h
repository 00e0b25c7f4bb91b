#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {

/// A byte-level BPE tokenizer that is given by ranks, as in tiktoken: the pair in a word that makes
/// the token with the lowest rank merges first, and a word that is a token becomes that token. The
/// merges of a tokenizer.json follow from that.
struct RankedBpe {
  std::vector<std::string> tokens{};        ///< their bytes, by rank
  std::vector<std::string> first_tokens{};  ///< not made from text; their ids come before the ranks
  std::string_view pattern{};               ///< the regular expression that cuts words
};

/// The tokenizer's pre-tokenizer, decoder and model, from which its documents are made. A token
/// that is spelled like one of `first_tokens` has its id. Throws Error, which begins with `name`,
/// if one is empty, two are the same, or a byte has no token.
TokenizerParts ranked_bpe_parts(const RankedBpe& bpe, const std::string& name);

}  // namespace graft::tokenizer
