#include "graft/data/check/shingles.h"

#include <algorithm>
#include <deque>
#include <string>

#include "graft/base/hash.h"
#include "graft/unicode/unicode.h"

namespace graft::data::check {
namespace {

// Signs that are words by themselves: Han, Hiragana, Katakana.
bool is_sign(uint32_t c) {
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

// Hashes of a text's words, in order.
std::vector<uint64_t> words_of(std::string_view text) {
  std::vector<uint64_t> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(split_mix(fnv1a(word)));
    word.clear();
  };
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) < 0x80) {
      const bool upper = c >= 'A' && c <= 'Z';
      if (upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
        word += upper ? static_cast<char>(c - 'A' + 'a') : c;
      } else {
        end_word();
      }
      ++i;
      continue;
    }
    const unicode::CodePoint point = unicode::decode(text.data() + i);
    i += point.size;
    const bool sign = is_sign(point.value);
    constexpr auto kWord = unicode::kLetters | unicode::kMarks | unicode::kNumbers;
    if (sign || !unicode::properties_of(point.value).in(kWord)) end_word();
    if (unicode::properties_of(point.value).in(kWord)) unicode::append_lower(word, point.value);
    if (sign) end_word();
  }
  end_word();
  return words;
}

void add_shingles(std::string_view text, std::vector<uint32_t>& shingles) {
  const std::vector<uint64_t> words = words_of(text);
  if (words.empty()) return;
  const size_t size = std::min(words.size(), kShingleWords);
  for (size_t i = 0; i + size <= words.size(); ++i) {
    uint64_t hash = size;
    for (size_t k = 0; k < size; ++k) hash = split_mix(hash ^ words[i + k]);
    shingles.push_back(static_cast<uint32_t>(hash >> 32));
  }
}

}  // namespace

std::vector<uint32_t> shingles_of(const RecordView& view) {
  std::vector<uint32_t> shingles;
  const auto add = [&](const std::vector<Part>& parts) {
    for (const Part& part : parts) {
      if (part.role == "system" || part.role == "developer") continue;
      add_shingles(part.text, shingles);
      add_shingles(part.more, shingles);
    }
  };
  add(view.prompt);
  for (const auto& answer : view.answers) add(answer);
  std::sort(shingles.begin(), shingles.end());
  shingles.erase(std::unique(shingles.begin(), shingles.end()), shingles.end());
  return shingles;
}

double jaccard(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  size_t common = 0;
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    if (a[i] == b[k]) {
      ++common;
      ++i;
      ++k;
    } else if (a[i] < b[k]) {
      ++i;
    } else {
      ++k;
    }
  }
  const size_t all = a.size() + b.size() - common;
  return all == 0 ? 0 : static_cast<double>(common) / static_cast<double>(all);
}

}  // namespace graft::data::check
