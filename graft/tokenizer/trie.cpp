#include "graft/tokenizer/trie.h"

#include <algorithm>

namespace graft::tokenizer {

class Trie::Builder {
 public:
  explicit Builder(std::vector<Node>& nodes) : nodes_(nodes) {
    add_block();
    take(kRoot, kRoot);
    nodes_[kRoot].parent = kNone;
  }

  void build(const std::vector<Entry>& entries) {
    std::vector<Range> open = {{0, entries.size(), 0, kRoot}};
    std::vector<Range> children;
    while (!open.empty()) {
      Range range = open.back();
      open.pop_back();
      children.clear();
      if (range.begin < range.end && entries[range.begin].key.size() == range.depth) {
        if (range.depth > 0) nodes_[range.node].value = entries[range.begin].value;
        ++range.begin;
      }
      bytes_.clear();
      for (size_t i = range.begin; i < range.end; ++i) {
        auto byte = static_cast<unsigned char>(entries[i].key[range.depth]);
        if (bytes_.empty() || bytes_.back() != byte) {
          bytes_.push_back(byte);
          children.push_back({i, i, range.depth + 1, 0});
        }
        children.back().end = i + 1;
      }
      if (bytes_.empty()) continue;
      uint32_t base = find_base();
      nodes_[range.node].base = base;
      for (size_t i = 0; i < bytes_.size(); ++i) {
        children[i].node = base ^ bytes_[i];
        take(children[i].node, range.node);
      }
      open.insert(open.end(), children.begin(), children.end());
    }
  }

 private:
  // Keys with the same first `depth` bytes, which lead to `node`.
  struct Range {
    size_t begin, end, depth;
    uint32_t node;
  };

  static constexpr size_t kBlock = 256;
  static constexpr int kTries = 64;

  // A base with room for all of bytes_. After some tries, takes a new block, which always has room.
  uint32_t find_base() {
    uint32_t place = first_free_;
    for (int i = 0; i < kTries && place != kNone; ++i) {
      uint32_t base = place ^ bytes_.front();
      if (std::all_of(bytes_.begin(), bytes_.end(),
                      [&](unsigned char c) { return is_free(base ^ c); })) {
        return base;
      }
      place = after(place);
      if (place == first_free_) break;
    }
    auto base = static_cast<uint32_t>(nodes_.size());
    add_block();
    return base;
  }

  bool is_free(uint32_t place) const { return nodes_[place].parent == kNone && place != kRoot; }

  uint32_t after(uint32_t place) const { return static_cast<uint32_t>(nodes_[place].value); }

  void add_block() {
    auto begin = static_cast<uint32_t>(nodes_.size());
    nodes_.resize(nodes_.size() + kBlock);
    for (uint32_t place = begin; place < begin + kBlock; ++place) link(place);
  }

  // Adds a free place at the end of the ring.
  void link(uint32_t place) {
    if (first_free_ == kNone) first_free_ = nodes_[place].base = place;
    uint32_t last = nodes_[first_free_].base;
    nodes_[place].base = last;
    nodes_[place].value = static_cast<int32_t>(first_free_);
    nodes_[last].value = static_cast<int32_t>(place);
    nodes_[first_free_].base = place;
  }

  void take(uint32_t place, uint32_t parent) {
    uint32_t next = after(place), previous = nodes_[place].base;
    nodes_[previous].value = static_cast<int32_t>(next);
    nodes_[next].base = previous;
    if (first_free_ == place) first_free_ = next == place ? kNone : next;
    nodes_[place] = {0, parent, -1};
  }

  std::vector<Node>& nodes_;
  std::vector<unsigned char> bytes_;
  uint32_t first_free_ = kNone;
};

namespace {

// The first bytes of a key as a number that sorts as they do; most keys differ in these.
uint64_t sort_prefix(std::string_view key) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < sizeof prefix; ++i) {
    prefix = prefix << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0);
  }
  return prefix;
}

void sort_by_key(std::vector<Trie::Entry>& entries) {
  struct Keyed {
    uint64_t prefix;
    Trie::Entry entry;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(entries.size());
  for (const Trie::Entry& entry : entries) keyed.push_back({sort_prefix(entry.key), entry});
  std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.entry.key < b.entry.key;
  });
  for (size_t i = 0; i < entries.size(); ++i) entries[i] = keyed[i].entry;
}

}  // namespace

Trie::Trie(std::vector<Entry> entries) {
  sort_by_key(entries);
  Builder(nodes_).build(entries);
}

}  // namespace graft::tokenizer
