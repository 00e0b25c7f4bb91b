#include "graft/tokenizer/json_reader.h"

#include <charconv>

#include "graft/base/error.h"
#include "graft/unicode/unicode.h"

namespace graft {

void JsonReader::reject(std::string_view expected) {
  std::string found = "the end";
  if (at_ < text_.size()) {
    unsigned char c = static_cast<unsigned char>(text_[at_]);
    found = c > 0x20 && c < 0x7F ? fmt::format("'{}'", text_[at_]) : fmt::format("byte {:#04x}", c);
  }
  fail("{}: byte {}: expected {}, found {}", name_, at_, expected, found);
}

void JsonReader::reject_character(char expected) { reject(fmt::format("'{}'", expected)); }

void JsonReader::open(char bracket) {
  if (depth_ == kMaxDepth) {
    fail("{}: byte {}: values are nested deeper than {}", name_, at_, kMaxDepth);
  }
  expect(bracket);
  ++depth_;
}

uint32_t JsonReader::hex4() {
  uint32_t value = 0;
  if (text_.size() - at_ < 4) reject("four hexadecimal digits");
  const char* begin = text_.data() + at_;
  auto [end, error] = std::from_chars(begin, begin + 4, value, 16);
  if (error != std::errc() || end != begin + 4) reject("four hexadecimal digits");
  at_ += 4;
  return value;
}

std::string_view JsonReader::string(std::string& buffer) {
  if (peek() != '"') reject("a string");
  size_t start = ++at_;
  bool escaped = false;
  buffer.clear();
  for (;; ++at_) {
    if (at_ == text_.size()) reject("a closing quote");
    char c = text_[at_];
    if (static_cast<unsigned char>(c) < 0x20) reject("an escaped control character");
    if (c == '"') break;
    if (c != '\\') continue;
    buffer += text_.substr(start, at_ - start);
    escaped = true;
    if (++at_ == text_.size()) reject("an escape");
    switch (text_[at_]) {
      case '"':
      case '\\':
      case '/':
        buffer += text_[at_];
        break;
      case 'b':
        buffer += '\b';
        break;
      case 'f':
        buffer += '\f';
        break;
      case 'n':
        buffer += '\n';
        break;
      case 'r':
        buffer += '\r';
        break;
      case 't':
        buffer += '\t';
        break;
      case 'u': {
        ++at_;
        uint32_t c32 = hex4();
        if (c32 >= 0xD800 && c32 < 0xDC00 && text_.substr(at_, 2) == "\\u") {
          at_ += 2;
          uint32_t low = hex4();
          if (low < 0xDC00 || low > 0xDFFF) reject("the second half of a surrogate pair before");
          c32 = 0x10000 + ((c32 - 0xD800) << 10) + (low - 0xDC00);
        } else if (c32 >= 0xD800 && c32 <= 0xDFFF) {
          reject("a whole surrogate pair before");
        }
        unicode::append_utf8(buffer, c32);
        --at_;
        break;
      }
      default:
        reject("a known escape");
    }
    start = at_ + 1;
  }
  std::string_view rest = text_.substr(start, at_ - start);
  ++at_;
  if (!escaped) return rest;
  buffer += rest;
  return buffer;
}

int64_t JsonReader::integer() {
  char first = peek();
  int64_t value = 0;
  const char* begin = text_.data() + at_;
  auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
  if (error == std::errc::result_out_of_range) reject("a whole number of at most 64 bits");
  bool fraction = error == std::errc() && end != text_.data() + text_.size() &&
                  (*end == '.' || *end == 'e' || *end == 'E');
  if (error != std::errc() || fraction || first == '\0') reject("a whole number");
  at_ += static_cast<size_t>(end - begin);
  return value;
}

// Numbers, true, false, null: their spelling is checked by whoever parses what skip() returns.
void JsonReader::skip_literal() {
  size_t start = at_;
  while (at_ < text_.size()) {
    char c = text_[at_];
    bool part = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' ||
                c == '-' || c == '.';
    if (!part) break;
    ++at_;
  }
  if (at_ == start) reject("a value");
}

std::string_view JsonReader::skip() {
  char first = peek();
  size_t start = at_;
  if (first == '{') {
    object([this](std::string_view) { skip(); });
  } else if (first == '[') {
    array([this] { skip(); });
  } else if (first == '"') {
    std::string buffer;
    string(buffer);
  } else {
    skip_literal();
  }
  return text_.substr(start, at_ - start);
}

void JsonReader::finish() {
  skip_space();
  if (at_ != text_.size()) reject("the end of the text");
}

}  // namespace graft
