#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace graft::tokenizer {

/// A way to put a token together from two others, given by ids (indices in the list of tokens).
struct TokenSplit {
  int32_t left, right, result;
};

/// Every way to put one of `tokens` together from two others, sorted by result and then by the
/// length of the left token. Empty tokens are ignored. Time is n log n in the tokens, plus linear
/// in their bytes. Throws Error, which begins with `name`, if two tokens are the same, or if there
/// are more splits than a tokenizer.json may have merges, in number or in bytes.
///
/// SentencePiece and tiktoken files have no merges, but a score or rank for each token: the pair in
/// a text that makes the best token merges first. The splits, in the order of their results, are
/// therefore the merges.
std::vector<TokenSplit> find_token_splits(const std::vector<std::string_view>& tokens,
                                          const std::string& name);

/// The `merges` of a tokenizer.json.
nlohmann::ordered_json merges_json(const std::vector<TokenSplit>& splits,
                                   const std::vector<std::string_view>& spellings);

}  // namespace graft::tokenizer
