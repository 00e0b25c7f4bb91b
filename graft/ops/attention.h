#pragma once

#include <mlx/array.h>

#include <vector>

#include "graft/base/sequence.h"

namespace graft::ops {

namespace mx = mlx::core;

struct AttentionOptions {
  int heads;     // H, of the queries
  int kv_heads;  // K; H is a multiple of it
  int head_dim;  // C
  float scale;   // of the scores, 1/sqrt(C) in most models

  // The most keys that a query sees, its own last; 0: no bound. A query whose own key is the
  // sequence's key p sees the keys j <= p with j > p - window, as in transformers'
  // sliding_window_overlay (masking_utils.py) for Mistral and Gemma 2.
  int window = 0;

  // If above 0, scores s become soft_cap * tanh(s / soft_cap): Gemma 2's attn_logit_softcapping
  // (Gemma Team, arXiv:2408.00118).
  float soft_cap = 0;
};

/// Causal, grouped-query attention within each sequence: q [N, H*C], k and v [M, K*C] to [N, H*C].
/// softmax in f32. Differentiable in q, k and v; memory is linear in the length of a sequence on
/// the CPU kernels (Dao 2023, arXiv:2307.08691). Throws Error for a negative window, and for a soft
/// cap below 0 or not finite.
mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v,
                    const Sequences& sequences, const AttentionOptions& options);

/// The same for keys and values in consecutive blocks [R, K*C] of equally many rows, as in a cache.
/// R must be a multiple of kernels::kKeyBlockRows, and each sequence's keys begin with a block.
/// Not differentiable.
mx::array attention(const mx::array& q, const std::vector<mx::array>& k,
                    const std::vector<mx::array>& v, const Sequences& sequences,
                    const AttentionOptions& options);

}  // namespace graft::ops
