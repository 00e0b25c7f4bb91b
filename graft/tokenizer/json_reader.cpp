#include "graft/tokenizer/json_reader.h"

#include <algorithm>
#include <charconv>

#include "graft/base/error.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {

void JsonReader::reject(std::string_view expected) {
  std::string found = "the end";
  if (at_ < text_.size()) {
    unsigned char c = static_cast<unsigned char>(text_[at_]);
    found = c > 0x20 && c < 0x7F ? fmt::format("'{}'", text_[at_]) : fmt::format("byte {:#04x}", c);
  }
  fail("{}: byte {}: expected {}, found {}", name_, offset_ + at_, expected, found);
}

void JsonReader::reject_character(char expected) { reject(fmt::format("'{}'", expected)); }

void JsonReader::open(char bracket) {
  if (depth_ == kMaxDepth) {
    fail("{}: byte {}: values are nested deeper than {}", name_, offset_ + at_, kMaxDepth);
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

// Moves to the next quote, backslash or control character, or near to it.
void JsonReader::skip_plain() {
  constexpr uint64_t kHigh = kEach << 7;
  for (uint64_t word; text_.size() - at_ >= sizeof word; at_ += sizeof word) {
    std::memcpy(&word, text_.data() + at_, sizeof word);
    // A byte that is 0 (less than a space) sets its upper bit, and perhaps that of one after it.
    uint64_t quote = word ^ kEach * '"', backslash = word ^ kEach * '\\';
    uint64_t found = ((quote - kEach) & ~quote) | ((backslash - kEach) & ~backslash) |
                     ((word - kEach * ' ') & ~word);
    if ((found &= kHigh) == 0) continue;
    at_ += static_cast<size_t>(std::countr_zero(found)) / 8;
    return;
  }
}

std::string_view JsonReader::string(std::string& buffer) {
  if (peek() != '"') reject("a string");
  size_t start = ++at_;
  bool escaped = false;
  buffer.clear();
  for (;; ++at_) {
    skip_plain();
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

JsonReader::Passed JsonReader::pass() {
  char first = peek();
  if (first != '{' && first != '[') reject("an object or array");
  size_t start = at_, depth = 0, commas = 0, marks = 0;
  std::vector<size_t> parts;
  do {
    skip_space();
    if (at_ == text_.size()) reject("a closing bracket");
    char c = text_[at_++];
    switch (c) {
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        --depth;
        break;
      case ',':
        if (depth == 1 && ++commas % Passed::kPartEntries == 0) parts.push_back(at_ - start);
        break;
      case '"':
        for (skip_plain(); at_ < text_.size() && text_[at_] != '"'; skip_plain()) {
          at_ = std::min(text_.size(), at_ + (text_[at_] == '\\' ? 2 : 1));
        }
        if (at_ == text_.size()) reject("a closing quote");
        ++at_;
    }
    ++marks;
  } while (depth > 0);
  size_t entries = marks > 2 ? commas + 1 : 0;
  if (entries > 0) parts.insert(parts.begin(), 1);
  return {text_.substr(start, at_ - start), offset_ + start, entries, std::move(parts)};
}

void JsonReader::finish() {
  skip_space();
  if (at_ != text_.size()) reject("the end of the text");
}

}  // namespace graft::tokenizer
