#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace graft::tokenizer {

/// The tokens of words seen before: a fixed number of slots (1 MB), chosen by a word's hash; the
/// latest word wins. Words that are long or have many tokens are not kept.
class WordCache {
 public:
  /// The tokens of a word; none if it is not there (a word that is kept has at least one token).
  std::span<const int32_t> find(std::string_view word, uint64_t hash) const {
    if (entries_.empty() || word.size() > kMostBytes) return {};
    const Entry& entry = entries_[hash % kEntries];
    if (std::string_view(entry.bytes, entry.size) != word) return {};
    return {entry.ids, entry.count};
  }

  void keep(std::string_view word, uint64_t hash, std::span<const int32_t> ids) {
    if (word.size() > kMostBytes || ids.size() > kMostIds || ids.empty()) return;
    if (entries_.empty()) entries_.resize(kEntries);
    Entry& entry = entries_[hash % kEntries];
    std::memcpy(entry.bytes, word.data(), word.size());
    std::memcpy(entry.ids, ids.data(), ids.size_bytes());
    entry.size = static_cast<uint8_t>(word.size());
    entry.count = static_cast<uint8_t>(ids.size());
  }

 private:
  static constexpr size_t kEntries = 16384;
  static constexpr size_t kMostBytes = 30;
  static constexpr size_t kMostIds = 8;

  struct Entry {
    int32_t ids[kMostIds];
    char bytes[kMostBytes];
    uint8_t size;
    uint8_t count;
  };
  static_assert(sizeof(Entry) == 64);

  std::vector<Entry> entries_;  // value-initialized: the empty word with no tokens
};

}  // namespace graft::tokenizer
