#include "graft/gguf/tokens.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::gguf {
namespace {

using tokenizer::AddedToken;
using tokenizer::Spelling;

constexpr std::string_view kEscapedSpace = "\u2581";

bool is_enclosed(std::string_view text, std::string_view begin, std::string_view end) {
  return text.size() >= begin.size() + end.size() && text.starts_with(begin) && text.ends_with(end);
}

// Texts that stand for no words, whatever a tokenizer's files say of them. llama.cpp's converter
// has the same rule (does_token_look_special).
bool looks_special(std::string_view text) {
  return text == "<pad>" || text == "<mask>" || text == "<2mass>" || text == "[@BOS@]" ||
         is_enclosed(text, "<|", "|>") || is_enclosed(text, "<\uff5c", "\uff5c>") ||
         is_enclosed(text, "<unused", ">");
}

bool is_byte(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return text.size() == 6 && is_enclosed(text, "<0x", ">") && is_hex(text[3]) && is_hex(text[4]);
}

class TokenList {
 public:
  explicit TokenList(const tokenizer::ResolvedTokenizer& tokenizer)
      : vocabulary_(tokenizer.spec.model.vocabulary()),
        is_literal_(vocabulary_.spelling() == Spelling::literal) {
    if (const tokenizer::Bpe* bpe = tokenizer.spec.model.bpe(); bpe != nullptr) {
      unknown_ = bpe->model().unknown_id;
      bpe->model().merges.for_each(
          [&](int32_t, int32_t, const tokenizer::Merge& merge) { merged_.insert(merge.result); });
    }
    for (const AddedToken& token : tokenizer.spec.added.tokens()) {
      added_[token.id] = &token;
      size_ = std::max(size_, static_cast<size_t>(token.id) + 1);
    }
    size_ = std::max(size_, vocabulary_.id_limit());
  }

  size_t size() const { return size_; }

  /// Empty if there is no token with this id.
  std::string text(int32_t id) const {
    if (const auto found = added_.find(id); found != added_.end()) return found->second->content;
    return vocabulary_.spelling(id);
  }

  TokenType type(int32_t id, std::string_view text) const {
    const auto found = added_.find(id);
    if (is_literal_ && id == unknown_) return TokenType::unknown;
    if (found != added_.end() && !comes_by_merges(id, text)) {
      return found->second->special || looks_special(text) ? TokenType::control
                                                           : TokenType::user_defined;
    }
    return is_literal_ && is_byte(text) ? TokenType::byte : TokenType::normal;
  }

 private:
  // An added token that is spelled with the sign for a space stands in no text as it is: the merges
  // make it of spaces.
  bool comes_by_merges(int32_t id, std::string_view text) const {
    return is_literal_ && text.find(kEscapedSpace) != std::string_view::npos &&
           merged_.count(id) != 0;
  }

  const tokenizer::Vocabulary& vocabulary_;
  bool is_literal_;
  std::optional<int32_t> unknown_;
  std::unordered_set<int32_t> merged_;
  std::unordered_map<int32_t, const AddedToken*> added_;
  size_t size_ = 0;
};

}  // namespace

Tokens tokens_of(const tokenizer::ResolvedTokenizer& tokenizer, size_t rows,
                 const std::string& name) {
  const TokenList list(tokenizer);
  if (list.size() > rows) {
    fail("{}: has token {}, but the embedding has {} rows", name, list.size() - 1, rows);
  }
  Tokens tokens{std::vector<std::string>(rows), std::vector<TokenType>(rows, TokenType::unused)};
  std::unordered_set<std::string_view> seen;
  for (size_t id = 0; id < list.size(); ++id) {
    std::string& text = tokens.texts[id] = list.text(static_cast<int32_t>(id));
    if (text.empty()) continue;
    tokens.types[id] = list.type(static_cast<int32_t>(id), text);
    if (!seen.insert(text).second) fail("{}: two tokens are spelled {}", name, io::in_quotes(text));
  }
  for (size_t id = 0; id < rows; ++id) {
    std::string& text = tokens.texts[id];
    if (!text.empty()) continue;
    text = fmt::format("[PAD{}]", id);
    while (!seen.insert(text).second) text += '_';
  }
  return tokens;
}

}  // namespace graft::gguf
