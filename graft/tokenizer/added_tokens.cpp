#include "graft/tokenizer/added_tokens.h"

#include <algorithm>

#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

unicode::Properties properties_at(std::string_view text, size_t at) {
  return unicode::properties_of(unicode::decode(text.data() + at).value);
}

bool is_within_word(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && properties_at(text, unicode::start_of_last(text, begin)).is_word()) return true;
  return end < text.size() && properties_at(text, end).is_word();
}

size_t skip_spaces_back(std::string_view text, size_t begin, size_t limit) {
  while (begin > limit) {
    size_t start = unicode::start_of_last(text, begin);
    if (!properties_at(text, start).in(unicode::kSpaces)) break;
    begin = start;
  }
  return begin;
}

size_t skip_spaces(std::string_view text, size_t end) {
  while (end < text.size() && properties_at(text, end).in(unicode::kSpaces)) {
    end += unicode::decode(text.data() + end).size;
  }
  return end;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens,
                                     const std::vector<std::string>& patterns)
    : tokens_(std::move(tokens)) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (!patterns[i].empty()) patterns_.push_back({patterns[i], i});
  }
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const Pattern& a, const Pattern& b) { return a.text < b.text; });
  for (size_t byte = 0, i = 0; byte <= 256; ++byte) {
    while (i < patterns_.size() && static_cast<unsigned char>(patterns_[i].text[0]) < byte) ++i;
    first_byte_[byte] = static_cast<uint32_t>(i);
  }
}

AddedTokenMatcher::Match AddedTokenMatcher::longest(std::string_view text, size_t at) const {
  size_t byte = static_cast<unsigned char>(text[at]);
  auto low = patterns_.begin() + first_byte_[byte];
  auto high = patterns_.begin() + first_byte_[byte + 1];
  Match match{0, nullptr};
  // Invariant: the patterns in [low, high) are those that begin with text[at, at + size).
  for (size_t size = 1; low != high; ++size) {
    if (low->text.size() == size) {
      match = {size, &tokens_[low->token]};
      while (low != high && low->text.size() == size) ++low;
    }
    if (low == high || at + size == text.size()) break;
    auto wanted = static_cast<unsigned char>(text[at + size]);
    auto letter = [size](const Pattern& p) { return static_cast<unsigned char>(p.text[size]); };
    low = std::partition_point(low, high, [&](const Pattern& p) { return letter(p) < wanted; });
    high = std::partition_point(low, high, [&](const Pattern& p) { return letter(p) == wanted; });
  }
  return match;
}

void AddedTokenMatcher::split(std::string_view text, std::vector<Piece>& pieces) const {
  size_t done = 0;
  size_t spaces_end = 0;  // where the white space that was skipped last ends
  for (size_t at = 0; at < text.size();) {
    size_t byte = static_cast<unsigned char>(text[at]);
    if (first_byte_[byte] == first_byte_[byte + 1]) {
      ++at;
      continue;
    }
    Match match = longest(text, at);
    if (match.size == 0) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + match.size;
    at = end;  // the search goes on after the token itself, not after the space it strips
    if (match.token->single_word && is_within_word(text, begin, end)) continue;
    if (match.token->lstrip) begin = std::max(skip_spaces_back(text, begin, done), done);
    if (match.token->rstrip) end = spaces_end = skip_spaces(text, std::max(end, spaces_end));
    if (done < begin) pieces.push_back({done, begin, -1});
    pieces.push_back({begin, end, match.token->id});
    done = end;
  }
  if (done < text.size()) pieces.push_back({done, text.size(), -1});
}

}  // namespace graft::tokenizer
