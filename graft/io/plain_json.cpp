#include "graft/io/plain_json.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "graft/unicode/unicode.h"

namespace graft::io {
namespace {

// Bytes that end what a string's text is copied of at once: quotes, backslashes, control
// characters.
constexpr std::array<bool, 256> kEndsCopy = [] {
  std::array<bool, 256> ends{};
  for (size_t c = 0; c < 0x20; ++c) ends[c] = true;
  ends['"'] = ends['\\'] = true;
  return ends;
}();

// Whether one of 8 bytes does: its highest bit is then set in one of the terms. A byte that is
// subtracted from borrows from the one above it, so that others may be found, but none is missed
// and none is found where there is no such byte.
bool ends_copy_in_8(const char* bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  uint64_t eight;
  std::memcpy(&eight, bytes, sizeof eight);
  const uint64_t quotes = eight ^ kOnes * '"', backslashes = eight ^ kOnes * '\\';
  const uint64_t below = ((eight - kOnes * 0x20) & ~eight) | ((quotes - kOnes) & ~quotes) |
                         ((backslashes - kOnes) & ~backslashes);
  return (below & kOnes * 0x80) != 0;
}

constexpr size_t kMostKeys = 1000;

// Reads forward; every function says false at what is not plain.
class PlainJson {
 public:
  explicit PlainJson(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool whole(ordered_json& value, int depth) {
    if (!read(value, depth)) return false;
    skip_space();
    return at_ == end_;
  }

 private:
  bool read(ordered_json& value, int depth) {
    skip_space();
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return depth > 0 && object(value, depth - 1);
      case '[':
        return depth > 0 && array(value, depth - 1);
      case '"':
        value = std::string();
        return string(value.get_ref<std::string&>());
      case 't':
        value = true;
        return word("true");
      case 'f':
        value = false;
        return word("false");
      case 'n':
        value = nullptr;
        return word("null");
      default:
        return number(value);
    }
  }

  bool object(ordered_json& value, int depth) {
    ++at_;
    value = ordered_json::object();
    auto& members = value.get_ref<ordered_json::object_t&>();
    if (skips('}')) return true;
    do {
      if (members.size() == kMostKeys) return false;  // a look-up goes through them all
      std::string key;
      skip_space();
      if (at_ == end_ || *at_ != '"' || !string(key) || !skips(':')) return false;
      if (!read(members[std::move(key)], depth)) return false;
    } while (skips(','));
    return skips('}');
  }

  bool array(ordered_json& value, int depth) {
    ++at_;
    value = ordered_json::array();
    auto& elements = value.get_ref<ordered_json::array_t&>();
    if (skips(']')) return true;
    do {
      if (!read(elements.emplace_back(), depth)) return false;
    } while (skips(','));
    return skips(']');
  }

  bool string(std::string& text) {
    for (++at_;;) {
      const char* const begin = at_;
      while (end_ - at_ >= 8 && !ends_copy_in_8(at_)) at_ += 8;
      while (at_ != end_ && !kEndsCopy[static_cast<unsigned char>(*at_)]) ++at_;
      text.append(begin, at_);
      if (at_ == end_) return false;
      const char c = *at_++;
      if (c == '"') return true;
      if (c != '\\' || !escape(text)) return false;
    }
  }

  bool escape(std::string& text) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c != 'u') {
      const size_t found = kNames.find(c);
      if (found == std::string_view::npos) return false;
      text += kMeant[found];
      return true;
    }
    uint32_t code = 0, low = 0;
    if (!four_digits(code) || (code >= 0xDC00 && code < 0xE000)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return false;
      at_ += 2;
      if (!four_digits(low) || low < 0xDC00 || low >= 0xE000) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    unicode::append_utf8(text, code);
    return true;
  }

  bool four_digits(uint32_t& code) {
    if (end_ - at_ < 4) return false;
    const auto result = std::from_chars(at_, at_ + 4, code, 16);
    if (result.ec != std::errc() || result.ptr != at_ + 4) return false;
    at_ += 4;
    return true;
  }

  bool number(ordered_json& value) {
    const char* const begin = at_;
    const bool negative = *at_ == '-';
    if (negative) ++at_;
    const char* const first = at_;
    if (!digits() || (*first == '0' && at_ - first > 1)) return false;
    bool whole = true;
    if (at_ != end_ && *at_ == '.') {
      whole = false;
      ++at_;
      if (!digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      whole = false;
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return false;
    }
    if (!whole) return convert<double>(begin, value);
    return negative ? convert<int64_t>(begin, value) : convert<uint64_t>(begin, value);
  }

  template <class Number>
  bool convert(const char* begin, ordered_json& value) const {
    Number number{};
    const auto result = std::from_chars(begin, at_, number);
    value = number;
    return result.ec == std::errc() && result.ptr == at_;
  }

  bool digits() {
    const char* const begin = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != begin;
  }

  bool word(std::string_view wanted) {
    if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  // White space, and this character if it is there.
  bool skips(char wanted) {
    skip_space();
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }

  const char *at_, *end_;
};

}  // namespace

std::optional<ordered_json> parse_plain_json(std::string_view text, int depth) {
  if (unicode::valid_prefix(text) != text.size()) return {};
  std::optional<ordered_json> value(std::in_place);
  if (!PlainJson(text).whole(*value, depth)) return {};
  return value;
}

}  // namespace graft::io
