#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graft/tokenizer/hash.h"

namespace graft::tokenizer {

/// What two neighbouring tokens become. The pair with the lowest rank in a word merges first.
struct Merge {
  uint32_t rank;
  int32_t result;
};

/// The merges of a BPE model by their pair of token ids.
class MergeTable {
 public:
  explicit MergeTable(size_t merges = 0)
      : seed_(hash_seed()), slots_(table_size(merges + merges / 2)) {}

  /// Adds a merge, or replaces the one of the same pair.
  void set(int32_t left, int32_t right, Merge merge) {
    if (3 * (count_ + 1) > 2 * slots_.size()) grow();
    Slot& slot = slots_[find(left, right)];
    if (slot.key == kEmpty) ++count_;
    slot = {key_of(left, right), merge};
  }

  /// Begins to load what set() or get() of a pair will look at.
  void prefetch(int32_t left, int32_t right) const {
    __builtin_prefetch(&slots_[mix(key_of(left, right) ^ seed_) & (slots_.size() - 1)]);
  }

  /// The merge of a pair, or null.
  const Merge* get(int32_t left, int32_t right) const {
    const Slot& slot = slots_[find(left, right)];
    return slot.key == kEmpty ? nullptr : &slot.merge;
  }

  /// Whether `holds(left, right)` is true for a pair that merges.
  template <class Predicate>
  bool any_of(Predicate&& holds) const {
    for (const Slot& slot : slots_) {
      if (slot.key != kEmpty && holds(left_of(slot.key), right_of(slot.key))) return true;
    }
    return false;
  }

  /// Calls `take(left, right, merge)` for each, in no order.
  template <class Take>
  void for_each(Take&& take) const {
    for (const Slot& slot : slots_) {
      if (slot.key != kEmpty) take(left_of(slot.key), right_of(slot.key), slot.merge);
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge{};
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }

  static int32_t left_of(uint64_t key) { return static_cast<int32_t>(key >> 32); }
  static int32_t right_of(uint64_t key) { return static_cast<int32_t>(key); }

  // The slot of a pair, or the empty one where it belongs.
  size_t find(int32_t left, int32_t right) const {
    uint64_t key = key_of(left, right);
    size_t mask = slots_.size() - 1;
    size_t i = mix(key ^ seed_) & mask;
    while (slots_[i].key != key && slots_[i].key != kEmpty) i = (i + 1) & mask;
    return i;
  }

  void grow() {
    std::vector<Slot> old = std::move(slots_);
    slots_.assign(2 * old.size(), {});
    for (const Slot& slot : old) {
      if (slot.key == kEmpty) continue;
      slots_[find(left_of(slot.key), right_of(slot.key))] = slot;
    }
  }

  uint64_t seed_;
  std::vector<Slot> slots_;  // open addressing, at most two thirds full
  size_t count_ = 0;
};

}  // namespace graft::tokenizer
