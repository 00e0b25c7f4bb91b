#include "graft/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "graft/jinja/error.h"
#include "graft/jinja/text.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {
namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Longest first.
constexpr std::array<std::string_view, 28> kSymbols = {
    "//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">",
    "=",  "(",  ")",  "[",  "]",  "{",  "}", ",", ".", ":", "|", ";", "`", "!"};

std::string with_unix_lines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_unix_lines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t open = find_open(at_);
      if (open == source_.npos) {
        add_text(at_, source_.size());
        at_ = source_.size();
        break;
      }
      take_opened(open);
    }
    add(TokenKind::end, "", at_);
    return std::move(tokens_);
  }

 private:
  size_t find_open(size_t from) const {
    for (size_t i = source_.find('{', from); i != source_.npos; i = source_.find('{', i + 1)) {
      if (i + 1 < source_.size() && std::string_view("%{#").find(source_[i + 1]) != source_.npos) {
        return i;
      }
    }
    return source_.npos;
  }

  void take_opened(size_t open) {
    const char kind = source_[open + 1];
    size_t after = open + 2;
    const char sign = after < source_.size() ? source_[after] : '\0';
    size_t text_end = open;
    if (sign == '-') {
      ++after;
      text_end = without_space(open);
    } else if (sign == '+') {
      ++after;
    } else if (kind != '{') {
      text_end = without_indent(open);
    }
    add_text(at_, text_end);
    at_ = after;
    if (kind == '#') return skip_comment(open);
    if (kind == '%' && take_raw(open)) return;
    add(kind == '%' ? TokenKind::statement_begin : TokenKind::print_begin, "", open);
    take_code(kind, open);
  }

  // The beginning of the white space before `open` if there is nothing else before it in its line,
  // else `open`.
  size_t without_indent(size_t open) const {
    size_t begin = open;
    while (begin > at_ && source_[begin - 1] != '\n') --begin;
    if (begin == at_ && !line_starting_) return open;
    return without_space_from(begin, open) == begin ? begin : open;
  }

  // The end of the text up to `end` without its trailing white space.
  size_t without_space(size_t end) const { return without_space_from(at_, end); }

  size_t without_space_from(size_t begin, size_t end) const {
    return begin +
           stripped(std::string_view(source_).substr(begin, end - begin), nullptr, false, true)
               .size();
  }

  void skip_space() {
    at_ = source_.size() -
          stripped(std::string_view(source_).substr(at_), nullptr, true, false).size();
  }

  // After the sign and the closing bracket of a statement or a comment.
  void skip_after_close(char sign) {
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && at_ < source_.size() && source_[at_] == '\n') {
      ++at_;
    }
    line_starting_ = source_[at_ - 1] == '\n';
  }

  void skip_comment(size_t open) {
    const size_t close = source_.find("#}", at_);
    if (close == source_.npos) refuse_at(open, "a comment is not closed: missing #}}");
    const char sign = close > at_ ? source_[close - 1] : '\0';
    at_ = close + 2;
    skip_after_close(sign);
  }

  // Takes {% raw %} to {% endraw %} as text.
  bool take_raw(size_t open) {
    size_t i = at_;
    if (!take_word(i, "raw")) return false;
    char sign = '\0';
    if (i < source_.size() && source_[i] == '-') sign = source_[i++];
    if (source_.compare(i, 2, "%}") != 0) return false;
    at_ = i + 2;
    if (sign == '-') skip_space();  // no line is trimmed here, unlike after other statements
    line_starting_ = source_[at_ - 1] == '\n';
    for (size_t end = source_.find("{%", at_); end != source_.npos;
         end = source_.find("{%", end + 2)) {
      size_t k = end + 2;
      const char before = k < source_.size() ? source_[k] : '\0';
      if (before == '-' || before == '+') ++k;
      if (!take_word(k, "endraw")) continue;
      char after = '\0';
      if (k < source_.size() && (source_[k] == '-' || source_[k] == '+')) after = source_[k++];
      if (source_.compare(k, 2, "%}") != 0) continue;
      size_t text_end = end;
      if (before == '-') {
        text_end = without_space(end);
      } else if (before != '+') {
        text_end = without_indent(end);
      }
      add_text(at_, text_end);
      at_ = k + 2;
      skip_after_close(after);
      return true;
    }
    refuse_at(open, "a raw block is not closed: missing {{% endraw %}}");
  }

  bool take_word(size_t& i, std::string_view word) const {
    while (i < source_.size() && is_ascii_space(source_[i])) ++i;
    if (source_.compare(i, word.size(), word) != 0) return false;
    i += word.size();
    if (i < source_.size() && is_name_byte(source_[i])) return false;
    while (i < source_.size() && is_ascii_space(source_[i])) ++i;
    return true;
  }

  // The tokens up to the closing bracket.
  void take_code(char kind, size_t open) {
    const std::string close = kind == '%' ? "%}" : "}}";
    std::string brackets;  // that are still open
    while (true) {
      while (at_ < source_.size() && is_ascii_space(source_[at_])) ++at_;
      if (at_ >= source_.size()) {
        refuse_at(open, "{} is not closed: missing {}",
                  kind == '%' ? "a statement" : "an expression", close);
      }
      if (brackets.empty() && take_close(kind, close)) return;
      take_token(brackets);
    }
  }

  bool take_close(char kind, const std::string& close) {
    size_t i = at_;
    char sign = '\0';
    if (source_[i] == '-' || (source_[i] == '+' && kind == '%')) sign = source_[i++];
    if (source_.compare(i, 2, close) != 0) return false;
    add(kind == '%' ? TokenKind::statement_end : TokenKind::print_end, "", at_);
    at_ = i + 2;
    if (kind == '%') {
      skip_after_close(sign);
    } else {
      if (sign == '-') skip_space();
      line_starting_ = source_[at_ - 1] == '\n';
    }
    return true;
  }

  void take_token(std::string& brackets) {
    const size_t begin = at_;
    const char c = source_[at_];
    if (c == '\'' || c == '"') return take_string();
    if (is_digit(c)) return take_number();
    if (is_name_byte(c)) {
      while (at_ < source_.size() && is_name_byte(source_[at_])) ++at_;
      return add(TokenKind::name, source_.substr(begin, at_ - begin), begin);
    }
    for (std::string_view symbol : kSymbols) {
      if (source_.compare(at_, symbol.size(), symbol) != 0) continue;
      if (symbol == "(" || symbol == "[" || symbol == "{") {
        brackets += symbol == "(" ? ')' : symbol == "[" ? ']' : '}';
      } else if (symbol == ")" || symbol == "]" || symbol == "}") {
        if (brackets.empty()) refuse_at(begin, "unexpected '{}'", symbol);
        if (brackets.back() != symbol[0]) {
          refuse_at(begin, "unexpected '{}', expected '{}'", symbol, brackets.back());
        }
        brackets.pop_back();
      }
      at_ += symbol.size();
      return add(TokenKind::symbol, std::string(symbol), begin);
    }
    refuse_at(begin, "unexpected character '{}'", c);
  }

  void take_number() {
    const size_t begin = at_;
    const auto digits = [&](auto&& accepted) {
      while (at_ < source_.size() &&
             (accepted(source_[at_]) ||
              (source_[at_] == '_' && at_ + 1 < source_.size() && accepted(source_[at_ + 1])))) {
        ++at_;
      }
    };
    bool real = false;
    const char second =
        at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : '\0';
    if (source_[at_] == '0' && (second == 'x' || second == 'o' || second == 'b')) {
      at_ += 2;
      digits([&](char c) {
        return second == 'x' ? is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                             : c >= '0' && c <= (second == 'o' ? '7' : '1');
      });
    } else {
      digits(is_digit);
      const auto digit_at = [&](size_t i) { return i < source_.size() && is_digit(source_[i]); };
      // `x.0.1` are two look-ups.
      const bool after_dot =
          !tokens_.empty() && tokens_.back().text == "." && begin > 0 && source_[begin - 1] == '.';
      if (!after_dot && at_ < source_.size() && source_[at_] == '.' && digit_at(at_ + 1)) {
        real = true;
        ++at_;
        digits(is_digit);
      }
      if (!after_dot && at_ < source_.size() && (source_[at_] | 0x20) == 'e') {
        size_t exponent = at_ + 1;
        if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) {
          ++exponent;
        }
        if (digit_at(exponent)) {
          real = true;
          at_ = exponent;
          digits(is_digit);
        }
      }
    }
    std::string text = source_.substr(begin, at_ - begin);
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    add(real ? TokenKind::real : TokenKind::integer, std::move(text), begin);
  }

  void take_string() {
    const size_t begin = at_;
    const char quote = source_[at_++];
    std::string value;
    while (true) {
      if (at_ >= source_.size()) refuse_at(begin, "a string is not closed: missing {}", quote);
      const char c = source_[at_++];
      if (c == quote) break;
      if (c != '\\') {
        value += c;
      } else {
        take_escape(begin, value);
      }
    }
    add(TokenKind::string, std::move(value), begin);
  }

  // Python's escapes; those with the name of a character are refused.
  void take_escape(size_t begin, std::string& value) {
    if (at_ >= source_.size()) refuse_at(begin, "a string is not closed");
    const char c = source_[at_++];
    static constexpr std::string_view kPlain = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
    if (const size_t i = kPlain.find(c); i != kPlain.npos) {
      value += kValues[i];
    } else if (c == '\n') {
      return;
    } else if (c >= '0' && c <= '7') {
      uint32_t code = static_cast<uint32_t>(c - '0');
      for (int n = 0; n < 2 && at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '7';
           ++n) {
        code = code * 8 + static_cast<uint32_t>(source_[at_++] - '0');
      }
      unicode::append_utf8(value, code);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const int digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      uint32_t code = 0;
      for (int n = 0; n < digits; ++n, ++at_) {
        const char h = at_ < source_.size() ? static_cast<char>(source_[at_] | 0x20) : '\0';
        if (!is_digit(h) && !(h >= 'a' && h <= 'f')) {
          refuse_at(begin, "\\{} in a string takes {} hexadecimal digits", c, digits);
        }
        code = code * 16 + static_cast<uint32_t>(is_digit(h) ? h - '0' : h - 'a' + 10);
      }
      if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        refuse_at(begin, "a string has an escape that is no character");
      }
      unicode::append_utf8(value, code);
    } else if (c == 'N') {
      refuse_at(begin, "names of characters (\\N) in strings are not supported");
    } else {
      value += '\\';
      value += c;
    }
  }

  void add_text(size_t begin, size_t end) {
    if (begin < end) add(TokenKind::text, source_.substr(begin, end - begin), begin);
  }

  void add(TokenKind kind, std::string text, size_t at) {
    locate(at);
    tokens_.push_back({kind, std::move(text), line_, column_});
  }

  // Moves line_ and column_ (in characters) to the byte `at`, which never lies before the last.
  void locate(size_t at) {
    if (at < located_) located_ = 0, line_ = 1, column_ = 1;
    for (; located_ < at; ++located_) {
      if (source_[located_] == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(source_[located_]) & 0xC0) != 0x80) {
        ++column_;
      }
    }
  }

  template <class... Args>
  [[noreturn]] void refuse_at(size_t at, fmt::format_string<Args...> format, Args&&... args) {
    locate(at);
    refuse("line {}, column {}: {}", line_, column_,
           fmt::format(format, std::forward<Args>(args)...));
  }

  std::string source_;
  size_t at_ = 0, located_ = 0;
  int line_ = 1, column_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace graft::jinja
