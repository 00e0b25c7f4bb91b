#pragma once

#include <mlx/array.h>

#include "graft/base/sequence.h"

namespace graft::ops {

namespace mx = mlx::core;

struct AttentionOptions {
  int heads;     // H, of the queries
  int kv_heads;  // K; H is a multiple of it
  int head_dim;  // C
  float scale;   // of the scores, 1/sqrt(C) in most models
};

/// Causal, grouped-query attention within each sequence: q [N, H*C], k and v [M, K*C] to [N, H*C].
/// softmax in f32. Differentiable in q, k and v; memory is linear in the length of a sequence on
/// the CPU kernels (Dao 2023, arXiv:2307.08691).
mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v,
                    const Sequences& sequences, const AttentionOptions& options);

}  // namespace graft::ops
