#include "graft/tokenizer/ranked_bpe.h"

#include <algorithm>
#include <bitset>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "graft/base/error.h"
#include "graft/tokenizer/bpe_merges.h"
#include "graft/tokenizer/byte_level.h"

namespace graft::tokenizer {
namespace {

using Json = nlohmann::ordered_json;

void check_bytes(const RankedBpe& bpe, const std::string& name) {
  std::bitset<256> bytes;
  for (size_t rank = 0; rank < bpe.tokens.size(); ++rank) {
    const std::string& token = bpe.tokens[rank];
    if (token.empty()) fail("{}: token {} is empty", name, rank);
    if (token.size() == 1) bytes.set(static_cast<unsigned char>(token[0]));
  }
  for (size_t byte = 0; byte < bytes.size(); ++byte) {
    if (!bytes[byte]) fail("{}: has no token for the byte 0x{:02X}", name, byte);
  }
}

Json vocabulary_json(const RankedBpe& bpe, const std::vector<std::string>& spellings) {
  std::unordered_set<std::string_view> taken(bpe.first_tokens.begin(), bpe.first_tokens.end());
  Json::object_t vocabulary;
  vocabulary.reserve(bpe.first_tokens.size() + spellings.size());
  size_t id = 0;
  // push_back, not operator[]: an ordered object looks up keys by linear search.
  for (const std::string& token : bpe.first_tokens) vocabulary.push_back({token, id++});
  for (const std::string& token : spellings) {
    if (taken.count(token) == 0) vocabulary.push_back({token, id});
    ++id;
  }
  return vocabulary;
}

Json merges_of(const RankedBpe& bpe, const std::vector<std::string>& spellings,
               const std::string& name) {
  std::vector<TokenSplit> splits = find_token_splits({bpe.tokens.begin(), bpe.tokens.end()}, name);
  std::sort(splits.begin(), splits.end(), [](const TokenSplit& a, const TokenSplit& b) {
    return std::tie(a.result, a.left, a.right) < std::tie(b.result, b.left, b.right);
  });
  return merges_json(splits, {spellings.begin(), spellings.end()});
}

}  // namespace

TokenizerParts ranked_bpe_parts(const RankedBpe& bpe, const std::string& name) {
  check_bytes(bpe, name);
  std::vector<std::string> spellings;
  spellings.reserve(bpe.tokens.size());
  for (const std::string& token : bpe.tokens) spellings.push_back(spelling_of_bytes(token));
  TokenizerParts parts;
  parts.pre_tokenizer =
      sequence_json("pretokenizers", {split_json(bpe.pattern), byte_level_json(false)});
  parts.decoder = byte_level_json(true);
  parts.model = bpe_model_json(vocabulary_json(bpe, spellings), merges_of(bpe, spellings, name));
  parts.model["ignore_merges"] = true;
  return parts;
}

}  // namespace graft::tokenizer
