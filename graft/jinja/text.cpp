#include "graft/jinja/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "graft/jinja/value_limits.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {
namespace {

template <class Map>
std::string mapped(std::string_view text, Map&& map) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto c = unicode::decode(text.data() + i);
    unicode::append_utf8(out, map(c.value));
    i += c.size;
  }
  return out;
}

uint32_t upper_of(uint32_t c) {
  return static_cast<uint32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
uint32_t lower_of(uint32_t c) {
  return static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

// The character that ends at text[end].
unicode::CodePoint last_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return unicode::decode(text.data() + at);
}

bool cuts(uint32_t c, const std::string* characters) {
  if (characters == nullptr) return is_space(c);
  for (size_t i = 0; i < characters->size();) {
    const auto other = unicode::decode(characters->data() + i);
    if (other.value == c) return true;
    i += other.size;
  }
  return false;
}

}  // namespace

bool is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_letter(uint32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_digit(uint32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
}

std::string upper(std::string_view text) { return mapped(text, upper_of); }
std::string lower(std::string_view text) { return mapped(text, lower_of); }

std::string capitalized(std::string_view text) {
  bool first = true;
  return mapped(
      text, [&](uint32_t c) { return std::exchange(first, false) ? upper_of(c) : lower_of(c); });
}

std::string_view stripped(std::string_view text, const std::string* characters, bool left,
                          bool right) {
  while (left && !text.empty()) {
    const auto c = unicode::decode(text.data());
    if (!cuts(c.value, characters)) break;
    text.remove_prefix(c.size);
  }
  while (right && !text.empty()) {
    const auto c = last_before(text, text.size());
    if (!cuts(c.value, characters)) break;
    text.remove_suffix(c.size);
  }
  return text;
}

std::vector<std::string> split(std::string_view text, const std::string* separator, int64_t most) {
  std::vector<std::string> parts;
  if (separator == nullptr) {
    text = stripped(text, nullptr, true, false);
    while (!text.empty()) {
      if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
        parts.emplace_back(text);
        break;
      }
      size_t end = 0;
      while (end < text.size()) {
        const auto c = unicode::decode(text.data() + end);
        if (is_space(c.value)) break;
        end += c.size;
      }
      parts.emplace_back(text.substr(0, end));
      text = stripped(text.substr(end), nullptr, true, false);
    }
    return parts;
  }
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    const size_t at = text.find(*separator);
    if (at == text.npos) break;
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + separator->size());
  }
  parts.emplace_back(text);
  return parts;
}

std::vector<std::string> split_from_end(std::string_view text, const std::string* separator,
                                        int64_t most) {
  std::vector<std::string> parts;
  if (separator == nullptr) {
    text = stripped(text, nullptr, false, true);
    while (!text.empty()) {
      if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
        parts.emplace_back(text);
        break;
      }
      size_t begin = text.size();
      while (begin > 0) {
        const auto c = last_before(text, begin);
        if (is_space(c.value)) break;
        begin -= c.size;
      }
      parts.emplace_back(text.substr(begin));
      text = stripped(text.substr(0, begin), nullptr, false, true);
    }
  } else {
    while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
      const size_t at = text.rfind(*separator);
      if (at == text.npos) break;
      parts.emplace_back(text.substr(at + separator->size()));
      text = text.substr(0, at);
    }
    parts.emplace_back(text);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const auto c = unicode::decode(text.data() + i);
    size_t end = i + c.size;
    const uint32_t v = c.value;
    if ((v >= 10 && v <= 13) || (v >= 0x1C && v <= 0x1E) || v == 0x85 || v == 0x2028 ||
        v == 0x2029) {
      if (v == '\r' && end < text.size() && text[end] == '\n') ++end;
      lines.emplace_back(text.substr(begin, (keep_ends ? end : i) - begin));
      begin = end;
    }
    i = end;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t most) {
  std::string out;
  int64_t count = 0;
  const auto may = [&] { return most < 0 || count < most; };
  if (from.empty()) {  // before every character, and at the end
    for (size_t i = 0; i < text.size();) {
      check_size(out.size());
      if (may()) out += to, ++count;
      const auto c = unicode::decode(text.data() + i);
      out += text.substr(i, c.size);
      i += c.size;
    }
    return may() ? out + std::string(to) : out;
  }
  while (may()) {
    check_size(out.size());
    const size_t at = text.find(from);
    if (at == text.npos) break;
    out += text.substr(0, at);
    out += to;
    text.remove_prefix(at + from.size());
    ++count;
  }
  return out += text;
}

int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace graft::jinja
