#include "graft/tokenizer/split.h"

#include <array>
#include <utility>

#include "graft/unicode/unicode.h"

namespace graft {
namespace {

using unicode::kLetter;
using unicode::kNumber;
using unicode::kSpace;

constexpr uint8_t kNotOther = kLetter | kNumber | kSpace;
constexpr uint32_t kLongS = 0x17F;  // folds to s, so that (?i:'s) matches it

// Reads characters of one stretch of valid UTF-8.
class Scanner {
 public:
  Scanner(const char* begin, const char* end)
      : at_(begin), end_(end), table_(unicode::class_table()) {}

  bool done() const { return at_ == end_; }
  const char* at() const { return at_; }
  void move_to(const char* at) { at_ = at; }

  struct Char {
    uint32_t value = 0;
    uint32_t size = 0;  // 0 at the end
    uint8_t classes = 0;

    bool has(uint8_t mask) const { return (classes & mask) != 0; }
    bool is_other() const { return size > 0 && !has(kNotOther); }
    bool is_line_end() const { return size > 0 && (value == '\n' || value == '\r'); }
  };

  Char peek(const char* at) const {
    if (at == end_) return {};
    unicode::CodePoint c = unicode::decode(at);
    uint8_t classes =
        c.value < unicode::kDirectLimit ? table_[c.value] : unicode::classes_of(c.value);
    return {c.value, c.size, classes};
  }

  // The end of the run of characters that have a class of `mask`.
  const char* skip(const char* at, uint8_t mask) const { return skip_while<true>(at, mask); }

  // The end of the run of characters that have no class of `mask`.
  const char* skip_not(const char* at, uint8_t mask) const { return skip_while<false>(at, mask); }

  const char* skip_line_ends(const char* at) const {
    while (at != end_ && (*at == '\n' || *at == '\r')) ++at;
    return at;
  }

  // \s+(?!\S)|\s+ at a space: a run gives its last character to what follows it, unless it is
  // alone.
  const char* spaces(const char* at) const {
    const char* last = at;
    const char* next = at;
    for (Char c = peek(next); c.has(kSpace); c = peek(next)) {
      last = next;
      next += c.size;
    }
    return next == end_ || last == at ? next : last;
  }

  // The end of the last line end in the run of spaces at `at`, or null if it has none.
  const char* last_line_end(const char* at) const {
    const char* found = nullptr;
    for (Char c = peek(at); c.has(kSpace); c = peek(at)) {
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
  const char* skip_while(const char* at, uint8_t mask) const {
    for (;;) {
      while (at != end_ && is_ascii(*at) && ((table_[byte(*at)] & mask) != 0) == kWanted) ++at;
      if (at == end_ || is_ascii(*at)) return at;
      Char c = peek(at);
      if (c.has(mask) != kWanted) return at;
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
  if (c.has(kLetter)) return in.skip(start, kLetter);
  if (c.has(kNumber)) return in.skip(start, kNumber);
  if (c.is_other()) return in.skip_not(start, kNotOther);
  return in.spaces(at);
}

const char* next_llama3(const Scanner& in, int digits) {
  const char* at = in.at();
  if (*at == '\'') {
    if (const char* end = in.contraction(at, true)) return end;
  }
  Scanner::Char c = in.peek(at);
  if (c.has(kLetter)) return in.skip(at, kLetter);
  if (c.has(kNumber)) {
    const char* end = at;
    for (; digits > 0 && c.has(kNumber); c = in.peek(end), --digits) end += c.size;
    return end;
  }
  Scanner::Char second = in.peek(at + c.size);
  if (!c.is_line_end() && second.has(kLetter)) return in.skip(at + c.size, kLetter);
  const char* other = c.value == ' ' ? at + 1 : at;
  if (c.is_other() || (c.value == ' ' && second.is_other())) {
    return in.skip_line_ends(in.skip_not(other, kNotOther));
  }
  if (const char* end = in.last_line_end(at)) return end;
  return in.spaces(at);
}

const char* next_each_digit(const Scanner& in) {
  const char* at = in.at();
  Scanner::Char c = in.peek(at);
  return c.has(kNumber) ? at + c.size : in.skip_not(at, kNumber);
}

const char* next_digit_run(const Scanner& in) {
  const char* at = in.at();
  return in.peek(at).has(kNumber) ? in.skip(at, kNumber) : in.skip_not(at, kNumber);
}

template <class Next>
void split_with(Next next, std::string_view text, size_t begin, size_t end,
                std::vector<size_t>& ends) {
  Scanner in(text.data() + begin, text.data() + end);
  while (!in.done()) {
    in.move_to(next(in));
    ends.push_back(static_cast<size_t>(in.at() - text.data()));
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
  if (rule == SplitRule::each_digit) return R"(\p{N})";
  if (rule == SplitRule::digit_runs) return R"(\p{N}+)";
  for (const auto& [known, its_rule] : kPatterns) {
    if (its_rule == rule) return known;
  }
  return {};
}

void split_words(SplitRule rule, std::string_view text, size_t begin, size_t end,
                 std::vector<size_t>& ends) {
  switch (rule) {
    case SplitRule::gpt2:
      return split_with(next_gpt2, text, begin, end, ends);
    case SplitRule::llama3:
      return split_with([](const Scanner& in) { return next_llama3(in, 3); }, text, begin, end,
                        ends);
    case SplitRule::qwen2:
      return split_with([](const Scanner& in) { return next_llama3(in, 1); }, text, begin, end,
                        ends);
    case SplitRule::each_digit:
      return split_with(next_each_digit, text, begin, end, ends);
    case SplitRule::digit_runs:
      return split_with(next_digit_run, text, begin, end, ends);
  }
}

}  // namespace graft
