#include "graft/tokenizer/split.h"

#include <array>
#include <utility>

#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

using unicode::CategorySet;
using unicode::kLetters;
using unicode::kNumbers;
using unicode::kSpaces;

constexpr CategorySet kNotOther = kLetters | kNumbers | kSpaces;
constexpr uint32_t kLongS = 0x17F;  // folds to s, so that (?i:'s) matches it

// Reads characters of one stretch of valid UTF-8.
class Scanner {
 public:
  Scanner(const char* begin, const char* end)
      : at_(begin), end_(end), table_(unicode::property_table()) {}

  bool done() const { return at_ == end_; }
  const char* at() const { return at_; }
  void move_to(const char* at) { at_ = at; }

  struct Char {
    uint32_t value = 0;
    uint32_t size = 0;  // 0 at the end
    unicode::Properties properties{};

    bool in(CategorySet set) const { return size > 0 && properties.in(set); }
    bool is_word() const { return size > 0 && properties.is_word(); }
    bool is_other() const { return size > 0 && !properties.in(kNotOther); }
    bool is_line_end() const { return size > 0 && (value == '\n' || value == '\r'); }
  };

  Char peek(const char* at) const {
    if (at == end_) return {};
    unicode::CodePoint c = unicode::decode(at);
    return {c.value, c.size,
            c.value < unicode::kDirectLimit ? unicode::Properties{table_[c.value]}
                                            : unicode::properties_of(c.value)};
  }

  // The end of the run of characters that are in a set.
  const char* skip(const char* at, CategorySet set) const { return skip_while<true>(at, set); }

  // The end of the run of characters that are not in a set.
  const char* skip_not(const char* at, CategorySet set) const { return skip_while<false>(at, set); }

  const char* skip_line_ends(const char* at) const {
    while (at != end_ && (*at == '\n' || *at == '\r')) ++at;
    return at;
  }

  // \s+(?!\S)|\s+ at a space: a run leaves its last character to the next word, unless it has only
  // one.
  const char* spaces(const char* at) const {
    const char* last = at;
    const char* next = at;
    for (Char c = peek(next); c.in(kSpaces); c = peek(next)) {
      last = next;
      next += c.size;
    }
    return next == end_ || last == at ? next : last;
  }

  // The end of the last line end in the run of spaces at `at`, or null if it has none.
  const char* last_line_end(const char* at) const {
    const char* found = nullptr;
    for (Char c = peek(at); c.in(kSpaces); c = peek(at)) {
      at += c.size;
      if (c.is_line_end()) found = at;
    }
    return found;
  }

  // The end of a contraction at an apostrophe, or null. 's 't 'm 'd 're 've 'll.
  const char* contraction(const char* apostrophe, bool any_case) const {
    Char first = peek(apostrophe + 1);
    uint32_t a = fold(first.value, any_case);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return apostrophe + 1 + first.size;
    if (a != 'r' && a != 'v' && a != 'l') return nullptr;
    Char second = peek(apostrophe + 2);
    uint32_t b = fold(second.value, any_case);
    return b == (a == 'l' ? 'l' : 'e') ? apostrophe + 3 : nullptr;
  }

 private:
  template <bool kWanted>
  const char* skip_while(const char* at, CategorySet set) const {
    auto wanted = [&](unicode::Properties p) { return p.in(set) == kWanted; };
    for (;;) {
      while (at != end_ && is_ascii(*at) && wanted({table_[byte(*at)]})) ++at;
      if (at == end_ || is_ascii(*at)) return at;
      Char c = peek(at);
      if (!wanted(c.properties)) return at;
      at += c.size;
    }
  }

  static bool is_ascii(char c) { return byte(c) < 0x80; }
  static unsigned char byte(char c) { return static_cast<unsigned char>(c); }

  static uint32_t fold(uint32_t value, bool any_case) {
    if (!any_case) return value;
    if (value >= 'A' && value <= 'Z') return value | 0x20;
    return value == kLongS ? 's' : value;
  }

  const char* at_;
  const char* end_;
  const uint8_t* table_;
};

const char* next_gpt2(const Scanner& in) {
  const char* at = in.at();
  if (*at == '\'') {
    if (const char* end = in.contraction(at, false)) return end;
  }
  const char* start = *at == ' ' ? at + 1 : at;
  Scanner::Char c = in.peek(start);
  if (c.in(kLetters)) return in.skip(start, kLetters);
  if (c.in(kNumbers)) return in.skip(start, kNumbers);
  if (c.is_other()) return in.skip_not(start, kNotOther);
  return in.spaces(at);
}

const char* next_llama3(const Scanner& in, int digits) {
  const char* at = in.at();
  if (*at == '\'') {
    if (const char* end = in.contraction(at, true)) return end;
  }
  Scanner::Char c = in.peek(at);
  if (c.in(kLetters)) return in.skip(at, kLetters);
  if (c.in(kNumbers)) {
    const char* end = at;
    for (; digits > 0 && c.in(kNumbers); c = in.peek(end), --digits) end += c.size;
    return end;
  }
  Scanner::Char second = in.peek(at + c.size);
  if (!c.is_line_end() && second.in(kLetters)) return in.skip(at + c.size, kLetters);
  const char* other = c.value == ' ' ? at + 1 : at;
  if (c.is_other() || (c.value == ' ' && second.is_other())) {
    return in.skip_line_ends(in.skip_not(other, kNotOther));
  }
  if (const char* end = in.last_line_end(at)) return end;
  return in.spaces(at);
}

template <class Next>
void split_with(Next next, std::string_view text, Span stretch, std::vector<Span>& words) {
  Scanner in(text.data() + stretch.begin, text.data() + stretch.end);
  for (size_t begin = stretch.begin; !in.done();) {
    in.move_to(next(in));
    size_t end = static_cast<size_t>(in.at() - text.data());
    words.push_back({begin, end});
    begin = end;
  }
}

void split_at_spaces(std::string_view text, Span stretch, std::vector<Span>& words) {
  Scanner in(text.data() + stretch.begin, text.data() + stretch.end);
  while (!in.done()) {
    const char* begin = in.at();
    Scanner::Char c = in.peek(begin);
    if (c.in(kSpaces)) {
      in.move_to(begin + c.size);
      continue;
    }
    const char* end = begin;
    for (bool word = c.is_word(); c.size > 0 && !c.in(kSpaces) && c.is_word() == word;) {
      end += c.size;
      c = in.peek(end);
    }
    in.move_to(end);
    words.push_back(
        {static_cast<size_t>(begin - text.data()), static_cast<size_t>(end - text.data())});
  }
}

constexpr std::array<std::pair<std::string_view, SplitRule>, 6> kPatterns = {{
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     SplitRule::gpt2},
    {R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", SplitRule::gpt2},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitRule::llama3},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitRule::llama3},
    {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
     SplitRule::llama3},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     SplitRule::qwen2},
}};

}  // namespace

std::optional<SplitRule> split_rule_of_pattern(std::string_view pattern) {
  for (const auto& [known, rule] : kPatterns) {
    if (pattern == known) return rule;
  }
  return std::nullopt;
}

std::string_view pattern_of(SplitRule rule) {
  if (rule == SplitRule::words) return R"(\w+|[^\w\s]+)";
  for (const auto& [known, its_rule] : kPatterns) {
    if (its_rule == rule) return known;
  }
  return {};
}

void split_words(SplitRule rule, std::string_view text, Span stretch, std::vector<Span>& words) {
  switch (rule) {
    case SplitRule::gpt2:
      return split_with(next_gpt2, text, stretch, words);
    case SplitRule::llama3:
      return split_with([](const Scanner& in) { return next_llama3(in, 3); }, text, stretch, words);
    case SplitRule::qwen2:
      return split_with([](const Scanner& in) { return next_llama3(in, 1); }, text, stretch, words);
    case SplitRule::words:
      return split_at_spaces(text, stretch, words);
  }
}

}  // namespace graft::tokenizer
