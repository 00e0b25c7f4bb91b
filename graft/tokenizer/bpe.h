#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "graft/tokenizer/byte_fallback.h"
#include "graft/tokenizer/merges.h"
#include "graft/tokenizer/token_sizes.h"
#include "graft/tokenizer/vocabulary.h"
#include "graft/tokenizer/word_cache.h"

namespace graft::tokenizer {

/// What a BPE model is made of.
struct BpeModel {
  Vocabulary vocabulary;
  MergeTable merges;
  /// Stands for a character (a byte, where bytes are spelled) that has no token; without it such
  /// characters are dropped.
  std::optional<int32_t> unknown_id;
  /// One unknown token for a run of such characters.
  bool fuse_unknown = false;
  /// A character without a token becomes the tokens <0xXX> of its bytes, if all of them exist.
  bool byte_fallback = false;
  /// A word that is a token becomes that token, regardless of the merges.
  bool ignore_merges = false;
};

/// Byte-pair encoding of single words, exactly as Hugging Face tokenizers' BPE: the pair of the
/// lowest rank merges first, the leftmost of equals. Time is n log n in the word's length.
///
/// A SentencePiece-like model gets a whole text as one word. If no merge joins a token that begins
/// with U+2581 to the text before it, the word is cut there, which gives the same tokens and lets
/// the cache work.
class Bpe {
 public:
  /// What one thread needs while it encodes: buffers, and recently seen words.
  struct Workspace {
    std::vector<int32_t> tokens, previous, next;
    std::vector<uint64_t> queue;
    std::vector<uint32_t> sizes;  // of the tokens before merges, in bytes as they are spelled
    WordCache cache;
  };

  explicit Bpe(BpeModel model);

  const BpeModel& model() const { return model_; }
  const TokenSizes& sizes() const { return sizes_; }

  /// Appends the tokens of a word (its bytes). Safe in several threads, each with its workspace.
  void encode(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const;

  /// The same, and appends the part of the word, which begins at `begin`, that each token stands
  /// for. As in the reference, tokens after a dropped character move up to its place.
  void encode(std::string_view word, size_t begin, Workspace& workspace, std::vector<int32_t>& ids,
              std::vector<Span>& parts) const;

 private:
  size_t part_end(std::string_view word, size_t begin) const;
  size_t append_parts(std::string_view word, size_t begin, Workspace& workspace,
                      std::span<const int32_t> ids, std::vector<Span>& parts) const;
  void merge(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const;
  bool is_literal() const { return model_.vocabulary.spelling() == Spelling::literal; }
  void encode_part(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const;
  bool may_cut_at_metaspaces() const;
  template <class Sizes>
  void split_bytes(std::string_view word, std::vector<int32_t>& tokens, Sizes&& sizes) const;
  template <class Sizes>
  void split_characters(std::string_view word, std::vector<int32_t>& tokens, Sizes&& sizes) const;
  void merge_short(std::vector<int32_t>& tokens, std::vector<int32_t>& ids) const;
  void merge_long(Workspace& workspace, std::vector<int32_t>& ids) const;

  // Whether the merges turn a token's bytes into that token: found out at its first use.
  enum Whole : uint8_t { kUnknown, kYes, kNo };

  BpeModel model_;
  std::array<int32_t, 256> byte_ids_;  // -1: no token
  std::optional<ByteFallback> fallback_;
  bool cuts_at_metaspaces_;
  TokenSizes sizes_;
  std::unique_ptr<std::atomic<uint8_t>[]> whole_;
};

}  // namespace graft::tokenizer
