#pragma once

#include <cstdint>
#include <span>

#include "graft/base/sequence.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// H query heads share K key and value heads of width C: query head h reads key head h / (H / K).
struct AttentionShape {
  int64_t heads;     ///< H, a multiple of kv_heads
  int64_t kv_heads;  ///< K
  int64_t head_dim;  ///< C, any; multiples of 16 are fast
  float scale;       ///< of the scores, above 0; usually head_dim^(-1/2)
  ScalarType type = ScalarType::f32;
  int64_t query_rows = 0;  ///< N, rows of q, out, lse and their gradients
  int64_t key_rows = 0;    ///< M, rows of k, v and their gradients
};

/// Causal attention within each sequence: out = softmax(scale q k^T) v, of q [N, H*C] and
/// k, v [M, K*C] into out [N, H*C]. `lse` [N, H], if not null, receives the natural logarithm of
/// each row's sum of e^(scale q.k), which the backward needs. A query that sees no key has a zero
/// output and lse -inf; rows of no sequence become zero.
///
/// Works tile by tile with a running maximum, so that memory does not grow with the square of
/// the length. With bf16 storage on processors with AVX-512 dot products of bf16, softmax's
/// numerators (and, in the backward, the gradients of the scores) are rounded to bf16 between the
/// products; elsewhere all is f32 in between.
///
/// Throws Error if the shape or a sequence is out of range, or two sequences share a query row.
/// Dao, FlashAttention-2, arXiv:2307.08691.
void attention(const AttentionShape& shape, std::span<const Sequence> sequences, const void* q,
               const void* k, const void* v, void* out, float* lse);

/// The gradients of attention: d_q [N, H*C], d_k and d_v [M, K*C] from d_out [N, H*C], with the
/// forward's inputs, `out` and `lse`. All of shape.type. Rows of no sequence become zero.
/// Throws Error as attention does, or if two sequences share a key row.
void attention_backward(const AttentionShape& shape, std::span<const Sequence> sequences,
                        const void* q, const void* k, const void* v, const void* out,
                        const float* lse, const void* d_out, void* d_q, void* d_k, void* d_v);

}  // namespace graft::kernels
