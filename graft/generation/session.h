#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graft/models/model.h"
#include "graft/nn/kv_cache.h"

namespace graft::generation {

/// A text on its way through a model: the tokens that it has seen, with their keys and values. The
/// model is only read, so that sessions of several threads can use it at once. A copy goes on from
/// the same text and shares what both have seen.
class Session {
 public:
  /// The model must outlive it.
  explicit Session(const models::Model& model);

  /// Runs tokens behind those seen, in chunks that bound the memory that a long text takes. Gives
  /// the logits [V], f32, of the token after them; valid until the next call, and may be changed.
  /// Throws Error for no token, or one that the model has not. If it throws, nothing has been seen.
  std::span<float> prefill(std::span<const int32_t> ids);

  /// The same of one token.
  std::span<float> step(int32_t id) { return prefill({&id, 1}); }

  /// Goes back to the first `length` tokens. Throws Error if there are fewer.
  void rewind(size_t length);

  /// What it has seen.
  const std::vector<int32_t>& tokens() const { return tokens_; }
  const models::Model& model() const { return *model_; }

 private:
  // Tokens behind those in the cache, to `logits_`.
  void run(std::span<const int32_t> ids);

  const models::Model* model_;
  nn::KvCache cache_;
  std::vector<int32_t> tokens_;
  std::vector<float> logits_;
};

}  // namespace graft::generation
