#include "graft/tokenizer/tiktoken_tokenizer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/base64.h"
#include "graft/tokenizer/ranked_bpe.h"
#include "graft/tokenizer/tiktoken_family.h"
#include "graft/tokenizer/vocabulary.h"

namespace graft::tokenizer {
namespace {

constexpr int32_t kMostExtraTokens = 1 << 18;

struct RankedToken {
  std::string bytes;
  int64_t rank;
};

// A token and its rank, or nothing if the line is something else.
std::optional<RankedToken> read_line(std::string_view line) {
  size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::optional<std::string> bytes = base64_decode(line.substr(0, space));
  std::string_view digits = line.substr(space + 1);
  RankedToken token{};
  const char* end = digits.data() + digits.size();
  auto [at, error] = std::from_chars(digits.data(), end, token.rank);
  if (!bytes || bytes->empty() || error != std::errc() || at != end) return std::nullopt;
  token.bytes = std::move(*bytes);
  return token;
}

// Takes the first line off `text`.
std::string_view take_line(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The tokens by rank.
std::vector<std::string> read_tokens(std::string_view text, const std::string& name) {
  std::vector<RankedToken> read;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take_line(text);
    if (line.empty()) continue;
    std::optional<RankedToken> token = read_line(line);
    if (!token) {
      fail("{}: line {}: expected a token in base64 and its rank, found {}", name, number,
           io::in_quotes(line));
    }
    if (read.size() == static_cast<size_t>(kMostTokens)) {
      fail("{}: more than {} tokens", name, kMostTokens);
    }
    read.push_back(std::move(*token));
  }
  std::vector<std::string> tokens(read.size());
  for (RankedToken& token : read) {
    if (token.rank < 0 || token.rank >= static_cast<int64_t>(read.size())) {
      fail("{}: rank {} of {} tokens; ranks must go from 0 to {} without gaps", name, token.rank,
           read.size(), read.size() - 1);
    }
    std::string& place = tokens[static_cast<size_t>(token.rank)];
    if (!place.empty()) fail("{}: two tokens have rank {}", name, token.rank);
    place = std::move(token.bytes);
  }
  return tokens;
}

// The added tokens that the family has, after the ranks.
std::vector<AddedToken> family_tokens(const TiktokenFamily& family, int32_t first) {
  std::vector<AddedToken> added;
  for (std::string& content : family.special_tokens()) {
    added.push_back({.id = first++, .content = std::move(content), .special = true});
  }
  return added;
}

// The added tokens that the folder names, in the order of ids. An id after the ranks that has no
// token gets one, named as transformers names it.
std::vector<AddedToken> folder_tokens(std::vector<AddedToken> named, int32_t first,
                                      const std::string& name) {
  std::sort(named.begin(), named.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  std::vector<AddedToken> added;
  for (AddedToken& token : named) {
    int32_t next = first + static_cast<int32_t>(added.size());
    if (token.id < next) {
      fail("{}: the added token {} has id {}, which another token has", name,
           io::in_quotes(token.content), token.id);
    }
    if (token.id - first >= kMostExtraTokens) {
      fail("{}: the added token {} has id {}, too far behind the {} tokens of the file", name,
           io::in_quotes(token.content), token.id, first);
    }
    for (; next < token.id; ++next) {
      added.push_back(
          {.id = next, .content = fmt::format("<|reserved_token_{}|>", next), .special = true});
    }
    added.push_back(std::move(token));
  }
  return added;
}

std::optional<TokenizerParts::Named> named(const std::optional<std::string>& content,
                                           std::string_view otherwise, std::string_view key,
                                           const std::vector<AddedToken>& added,
                                           const std::string& name) {
  std::string_view wanted = content ? std::string_view(*content) : otherwise;
  if (wanted.empty()) return std::nullopt;
  for (const AddedToken& token : added) {
    if (token.content == wanted) return TokenizerParts::Named{token.content, token.id};
  }
  // The family's default token may have another name in this folder.
  if (!content) return std::nullopt;
  fail("{}: {} is {}, which is no added token", name, key, io::in_quotes(wanted));
}

bool is_added(std::optional<bool> wanted, const std::optional<TokenizerParts::Named>& token,
              std::string_view key, const std::string& name) {
  if (wanted.value_or(false) && !token)
    fail("{}: {} is true, but there is no such token", name, key);
  return wanted.value_or(false);
}

}  // namespace

TokenizerDocuments tiktoken_tokenizer(std::string_view bytes, const TiktokenHints& hints,
                                      const std::string& name) {
  RankedBpe bpe{.tokens = read_tokens(bytes, name)};
  if (bpe.tokens.empty()) fail("{}: has no tokens", name);
  const TiktokenFamily& family =
      tiktoken_family(bpe.tokens, hints.tokenizer_class, hints.model_type, name);
  bpe.pattern = family.pattern;
  TokenizerParts parts = ranked_bpe_parts(bpe, name);
  int32_t first = static_cast<int32_t>(bpe.tokens.size());
  parts.added =
      hints.added.empty() ? family_tokens(family, first) : folder_tokens(hints.added, first, name);
  if (family.normalizes) parts.normalizer = {{"type", "NFC"}};
  parts.bos = named(hints.bos_token, family.bos_token, "bos_token", parts.added, name);
  parts.eos = named(hints.eos_token, family.eos_token, "eos_token", parts.added, name);
  parts.pad = named(hints.pad_token, family.pad_token, "pad_token", parts.added, name);
  parts.unk = named(hints.unk_token, "", "unk_token", parts.added, name);
  parts.add_bos = is_added(hints.add_bos_token, parts.bos, "add_bos_token", name);
  parts.add_eos = is_added(hints.add_eos_token, parts.eos, "add_eos_token", name);
  return make_tokenizer_documents(std::move(parts));
}

bool looks_like_tiktoken(std::string_view bytes) { return read_line(take_line(bytes)).has_value(); }

}  // namespace graft::tokenizer
