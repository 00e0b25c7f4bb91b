#include "graft/unicode/unicode.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "graft/unicode/tables.h"

namespace graft::unicode {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::vector<uint8_t> expand_ranges() {
  std::vector<uint8_t> table(kDirectLimit);
  for (size_t i = 0; i < kPropertyRangeCount && kPropertyRanges[i].first < kDirectLimit; ++i) {
    uint32_t end = i + 1 < kPropertyRangeCount ? kPropertyRanges[i + 1].first : kDirectLimit;
    std::fill(table.begin() + kPropertyRanges[i].first, table.begin() + std::min(end, kDirectLimit),
              kPropertyRanges[i].bits);
  }
  return table;
}

// The length of the sequence that starts at s[0] if the n bytes begin with a valid one, else 0.
// `good` is set to the bytes that are valid so far.
size_t sequence_length(const unsigned char* s, size_t n, size_t& good) {
  good = 0;
  size_t length;
  unsigned low = 0x80, high = 0xBF;  // what the second byte may be
  if (s[0] < 0x80) {
    length = 1;
  } else if (s[0] < 0xC2) {
    return 0;
  } else if (s[0] < 0xE0) {
    length = 2;
  } else if (s[0] < 0xF0) {
    length = 3;
    if (s[0] == 0xE0) low = 0xA0;
    if (s[0] == 0xED) high = 0x9F;
  } else if (s[0] < 0xF5) {
    length = 4;
    if (s[0] == 0xF0) low = 0x90;
    if (s[0] == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  good = 1;
  for (; good < length; ++good) {
    if (good == n || s[good] < low || s[good] > high) return 0;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

}  // namespace

const uint8_t* property_table() {
  static const std::vector<uint8_t> table = expand_ranges();
  return table.data();
}

Properties properties_of(uint32_t code_point) {
  if (code_point < kDirectLimit) return {property_table()[code_point]};
  if (code_point > 0x10FFFF) return {kNotNormalized};
  const PropertyRange* behind =
      std::upper_bound(kPropertyRanges, kPropertyRanges + kPropertyRangeCount, code_point,
                       [](uint32_t value, const PropertyRange& r) { return value < r.first; });
  return {behind[-1].bits};
}

void append_lower(std::string& text, uint32_t code_point) {
  if (code_point == 0x130) {  // the only one with two characters: i and a dot above
    text += "i\u0307";
    return;
  }
  const LowerRange* behind =
      std::upper_bound(kLowerRanges, kLowerRanges + kLowerRangeCount, code_point,
                       [](uint32_t value, const LowerRange& r) { return value < r.first; });
  if (behind != kLowerRanges) {
    const LowerRange& range = behind[-1];
    if (code_point <= range.last && (code_point - range.first) % range.step == 0) {
      code_point = static_cast<uint32_t>(static_cast<int32_t>(code_point) + range.delta);
    }
  }
  append_utf8(text, code_point);
}

void append_utf8(std::string& text, uint32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    text += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

size_t valid_prefix(std::string_view text) {
  const auto* s = reinterpret_cast<const unsigned char*>(text.data());
  size_t i = 0;
  while (i < text.size()) {
    uint64_t block;
    while (text.size() - i >= sizeof block) {
      std::memcpy(&block, s + i, sizeof block);
      if ((block & 0x8080808080808080u) != 0) break;
      i += sizeof block;
    }
    if (i == text.size()) break;
    size_t good;
    size_t length = sequence_length(s + i, text.size() - i, good);
    if (length == 0) return i;
    i += length;
  }
  return i;
}

BrokenSequence broken_sequence(std::string_view text) {
  size_t good;
  sequence_length(reinterpret_cast<const unsigned char*>(text.data()), text.size(), good);
  return {std::max<size_t>(good, 1), good > 0 && good == text.size()};
}

std::string replace_invalid(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (;;) {
    size_t valid = valid_prefix(text);
    result += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) return result;
    result += kReplacement;
    text.remove_prefix(broken_sequence(text).size);
  }
}

}  // namespace graft::unicode
