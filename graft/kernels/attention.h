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
  int64_t window = 0;      ///< the most keys a query sees, its own last; 0: no bound
  float soft_cap = 0;      ///< the bound on the size of a score; 0: no cap
};

/// Rows of keys or values [M, K*C], in consecutive blocks of `rows` rows: row r is row r % rows of
/// block r / rows. With more than one block, `rows` and the beginning of each sequence's keys must
/// be multiples of kKeyBlockRows.
struct RowBlocks {
  const void* const* blocks;
  int64_t rows;
};
inline constexpr int64_t kKeyBlockRows = 128;

/// Causal attention within each sequence: out = softmax(s) v with the scores s = scale q k^T, of
/// q [N, H*C] and k, v [M, K*C] into out [N, H*C]. `lse` [N, H], if not null, receives the natural
/// logarithm of each row's sum of e^s, which the backward needs. A query that sees no key has a
/// zero output and lse -inf; rows that belong to no sequence become zero.
///
/// With a window, the query whose own key is the sequence's key p sees only the keys j <= p with j
/// > p - window: transformers' sliding_window_overlay over its causal mask (masking_utils.py), as
/// Mistral and Gemma 2 have it. With a soft cap, scores are
/// soft_cap tanh(scale q k^T / soft_cap), Gemma 2's attn_logit_softcapping.
///
/// Works tile by tile with a running maximum, so that memory does not grow with the square of
/// the length; keys that no query of a tile sees are skipped. With bf16 storage on processors with
/// AVX-512 dot products of bf16, softmax's numerators (and, in the backward, the gradients of the
/// scores) are rounded to bf16 between the products; elsewhere, and in the forward pass of a
/// one-query sequence, all intermediate values are f32.
///
/// Throws Error if the shape (a negative window, a soft cap below 0 or not finite) or a sequence is
/// out of range, or two sequences share a query row.
/// Dao, FlashAttention-2, arXiv:2307.08691; Beltagy et al., Longformer, arXiv:2004.05150 (windows);
/// Gemma Team, Gemma 2, arXiv:2408.00118 (soft caps).
void attention(const AttentionShape& shape, std::span<const Sequence> sequences, const void* q,
               const RowBlocks& k, const RowBlocks& v, void* out, float* lse);
/// The same with all rows of k, and of v, in one block.
void attention(const AttentionShape& shape, std::span<const Sequence> sequences, const void* q,
               const void* k, const void* v, void* out, float* lse);

/// Bytes that attention works with.
struct AttentionScratch {
  size_t kept;     ///< of `reused_scratch`
  size_t passing;  ///< during the call alone
};
AttentionScratch attention_scratch(const AttentionShape& shape,
                                   std::span<const Sequence> sequences);
AttentionScratch attention_backward_scratch(const AttentionShape& shape,
                                            std::span<const Sequence> sequences);

/// The gradients of attention: d_q [N, H*C], d_k and d_v [M, K*C] from d_out [N, H*C], with the
/// forward's inputs, `out` and `lse`. All of shape.type. Rows that belong to no sequence become
/// zero.
/// Throws Error as attention does, or if two sequences share a key row.
void attention_backward(const AttentionShape& shape, std::span<const Sequence> sequences,
                        const void* q, const void* k, const void* v, const void* out,
                        const float* lse, const void* d_out, void* d_q, void* d_k, void* d_v);

}  // namespace graft::kernels
