#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graft/models/model.h"
#include "graft/nn/kv_cache.h"

namespace graft::generation {

/// A text that runs through a model: the tokens seen so far, with their keys and values. The model
/// is only read, so sessions on several threads can use it at once. A copy continues from the same
/// text and shares the cache of what both have seen.
class Session {
 public:
  /// The model must outlive it.
  explicit Session(const models::Model& model);

  /// Runs tokens after those seen, in chunks, to bound the memory of a long text. Returns the
  /// logits [V], f32, of the next token; they are valid until the next call, and may be changed.
  /// Throws Error if there is no token, or one outside of the vocabulary. If it throws, none of
  /// them has been seen.
  std::span<float> prefill(std::span<const int32_t> ids);

  /// The same for one token.
  std::span<float> step(int32_t id) { return prefill({&id, 1}); }

  /// The same for several sessions of one model, each another: ids[i] after what sessions[i] has
  /// seen, all in as few passes over the weights as the chunks allow. Their logits are in
  /// `logits()`. If it throws, none of them has seen any.
  static void prefill(std::span<Session* const> sessions,
                      std::span<const std::span<const int32_t>> ids);

  /// The same for one token of each: ids[i] after what sessions[i] has seen.
  static void step(std::span<Session* const> sessions, std::span<const int32_t> ids);

  /// The logits [V] of the next token, as `prefill` returns them; empty before it.
  std::span<float> logits() { return logits_; }

  /// Goes back to the first `length` tokens. Throws Error if there are fewer.
  void rewind(size_t length);

  /// The tokens seen so far.
  const std::vector<int32_t>& tokens() const { return tokens_; }
  const models::Model& model() const { return *model_; }

 private:
  // Runs tokens after those in the caches, and sets `logits_`.
  static void run(std::span<Session* const> sessions,
                  std::span<const std::span<const int32_t>> ids);

  const models::Model* model_;
  nn::KvCache cache_;
  std::vector<int32_t> tokens_;
  std::vector<float> logits_;
};

}  // namespace graft::generation
