#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graft::tokenizer {

/// Largest number of ids that a tokenizer may have; the largest in use are near 2^18.
inline constexpr int64_t kMostTokens = int64_t{1} << 22;

/// How a file spells the text that a token stands for.
enum class Spelling {
  literal,     ///< as it is, U+2581 for a space where the pipeline puts it (SentencePiece)
  byte_level,  ///< one character for each byte, see byte_level.h (GPT-2)
};

/// The tokens of a BPE model: ids, and the bytes that they stand for. Where bytes are spelled, a
/// token with characters outside their alphabet stands for the bytes of its spelling, and no text
/// is ever cut into it.
class Vocabulary {
 public:
  explicit Vocabulary(Spelling spelling = Spelling::byte_level);

  Spelling spelling() const { return spelling_; }

  /// Room for this many tokens and bytes of text without growing.
  void reserve(size_t tokens, size_t bytes);

  /// Adds a token. Returns false, and does nothing, if the id or the spelling is there already.
  /// Requires 0 <= id < kMostTokens.
  bool add(std::string_view spelling, int32_t id);

  /// The id of a token by its spelling in files ("Ġthe").
  std::optional<int32_t> find_spelling(std::string_view spelling) const;

  /// The id of the token that stands for these bytes, or -1.
  int32_t find_bytes(std::string_view bytes, uint64_t hash) const;
  int32_t find_bytes(std::string_view bytes) const { return find_bytes(bytes, hash(bytes)); }
  uint64_t hash(std::string_view bytes) const;

  /// Sets `bytes` to what a spelling stands for; false if no text is cut into such a token.
  bool bytes_of(std::string_view spelling, std::string& bytes) const;

  /// Prefetch what find_bytes() with this hash will read: first the slot and, once that has had
  /// time to arrive, the bytes. A batch of lookups then does not wait for memory at each one.
  void prefetch_slot(uint64_t hash) const { __builtin_prefetch(&slot_of(hash)); }
  void prefetch_bytes(uint64_t hash) const {
    __builtin_prefetch(arena_.data() + slot_of(hash).begin);
  }

  /// The bytes of a token; nothing if no token has this id.
  std::string_view bytes(int32_t id) const;

  /// How files spell a token; nothing if no token has this id.
  std::string spelling(int32_t id) const;

  bool has(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < spans_.size() &&
           spans_[static_cast<size_t>(id)].size != kAbsent;
  }

  /// Whether there are tokens that no text is cut into.
  bool has_uncuttable() const { return !literal_.empty(); }

  /// How many tokens there are.
  size_t count() const { return count_; }
  /// The largest id plus one.
  size_t id_limit() const { return spans_.size(); }

 private:
  struct Span {
    uint32_t begin = 0;
    uint32_t size = kAbsent;
  };
  struct Slot {
    uint32_t tag = 0;  // upper half of the hash
    int32_t id = -1;
    uint32_t begin = 0, size = 0;  // as the id's span
  };
  static constexpr uint32_t kAbsent = UINT32_MAX;

  void rehash(size_t size);
  void place(uint64_t hash, int32_t id, Span span);

  const Slot& slot_of(uint64_t hash) const { return slots_[hash & (slots_.size() - 1)]; }

  Spelling spelling_;
  uint64_t seed_;
  std::string arena_;
  std::vector<Span> spans_;  // by id
  std::vector<Slot> slots_;  // open addressing, at most half full
  std::unordered_map<std::string, int32_t> literal_;
  size_t count_ = 0;
};

}  // namespace graft::tokenizer
