#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace graft::tokenizer {

/// A double-array trie over bytes: finds which keys a text begins with.
class Trie {
 public:
  struct Entry {
    std::string_view key;
    int32_t value;  // not negative
  };

  Trie() = default;
  /// The keys must differ; an empty one is ignored. They need not outlive the call.
  explicit Trie(std::vector<Entry> entries);

  /// Calls found(size, value) for each key that `text` begins with, the shortest first.
  template <class F>
  void for_each_prefix(std::string_view text, F&& found) const {
    if (nodes_.empty()) return;
    uint32_t node = kRoot;
    for (size_t i = 0; i < text.size(); ++i) {
      uint32_t next = nodes_[node].base ^ static_cast<unsigned char>(text[i]);
      if (nodes_[next].parent != node) return;
      node = next;
      if (nodes_[node].value >= 0) found(i + 1, nodes_[node].value);
    }
  }

 private:
  static constexpr uint32_t kRoot = 0, kNone = UINT32_MAX;

  // The child for byte c is at base ^ c, if the parent of that place is this node. Free places form
  // a ring: `base` is the place before it, `value` the one after it.
  struct Node {
    uint32_t base = 0;
    uint32_t parent = kNone;
    int32_t value = -1;
  };

  class Builder;
  std::vector<Node> nodes_;
};

}  // namespace graft::tokenizer
