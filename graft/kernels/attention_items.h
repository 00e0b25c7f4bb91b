#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "graft/kernels/attention.h"
#include "graft/kernels/operands.h"
#include "graft/kernels/scratch.h"

// What the drivers of attention (attention.cpp) and the code of each instruction set
// (attention_forward-inl.h, attention_backward-inl.h) share. Not for other callers.
namespace graft::kernels {

/// Keys that are multiplied at a time; a multiple of kMaxRowBlock. A tile lies in one block.
constexpr int64_t kKeyTile = kKeyBlockRows;

/// The most rows of a result that any instruction set's products take at a time. Operands have room
/// for whole blocks.
constexpr int64_t kMaxRowBlock = 32;

/// Query rows (queries times the heads that share a key head) that are multiplied at a time.
constexpr int64_t kQueryRows = 192;

/// Queries [query_begin, query_end) of a sequence, counted within it, for the heads that share key
/// head `kv_head`.
struct AttentionItem {
  Sequence sequence;
  int64_t kv_head;
  int64_t query_begin, query_end;
  int64_t window;   ///< keys that a query sees at most
  double cost = 0;  ///< scores of a head

  int64_t queries() const { return query_end - query_begin; }
  int64_t keys() const { return sequence.keys(); }
  /// How many keys come before the first query's own; negative if the first queries see none.
  int64_t past() const { return keys() - sequence.queries(); }
  /// The end of the keys that query `query` sees; it sees none unless this is above 0.
  int64_t visible(int64_t query) const { return past() + query + 1; }
  /// [key_begin, key_end) holds all keys that its queries need, and fewer than kMaxRowBlock keys
  /// before them so that vectors and blocks are whole.
  int64_t key_begin() const {
    const int64_t first = std::max<int64_t>(visible(query_begin) - window, 0);
    return round_down(first, kMaxRowBlock);
  }
  int64_t key_end() const {
    return queries() == 0 ? key_begin() : std::max<int64_t>(visible(query_end - 1), 0);
  }
};

/// The factor that turns softmax's inputs into scores. The inputs are q.k or, with a soft cap,
/// tanh(scale q.k / soft_cap).
inline float score_unit(const AttentionShape& shape) {
  return shape.soft_cap > 0 ? shape.soft_cap : shape.scale;
}

struct ForwardCall {
  AttentionShape shape;
  const void* q;
  RowBlocks k, v;
  void* out;
  float* lse;
};

struct BackwardCall {
  AttentionShape shape;
  const void *q, *k, *v, *out;
  const float* lse;
  const void* d_out;
  void *d_q, *d_k, *d_v;
};

/// Sums of the gradients of one key head's rows [key_begin, key_end) of the sequence,
/// [keys, operand_width] each; those of the keys are not yet multiplied by the scale.
struct KeyGradients {
  float *d_k, *d_v;
  int64_t key_begin, key_end;

  int64_t keys() const { return key_end - key_begin; }
};

/// Computes one item. `scratch` has room for its ForwardScratch; decoding needs less.
using ForwardItem = void (*)(const ForwardCall& call, const AttentionItem& item,
                             std::byte* scratch);

/// Writes d_q of one item, and overwrites `sums` with the item's share of d_k and d_v.
using BackwardItem = void (*)(const BackwardCall& call, const AttentionItem& item,
                              const KeyGradients& sums, std::byte* scratch);

/// The code for bf16 storage with AVX-512's dot products (call it only if isa_has_avx512_bf16())
/// and with AMX's tiles (only if isa_has_amx_bf16()). Null if the compiler lacks these
/// instructions.
ForwardItem bf16_forward_item();
BackwardItem bf16_backward_item();
ForwardItem amx_forward_item();
BackwardItem amx_backward_item();

/// The elements of a row of operands and results, for heads of width head_dim.
constexpr int64_t operand_width(int64_t head_dim) { return round_up(head_dim, kMaxRowBlock); }

/// The operands and results of one item's products. A Word, 4 bytes, is one f32 or a pair of bf16.
/// `rows` is at most max(kQueryRows, heads of a key head), and here rounded up to whole blocks;
/// `width` is that of operand_width.
template <class Word>
struct ForwardScratch {
  Word* queries;   ///< [rows, width], left operand
  Word* keys;      ///< [width, kKeyTile], right
  Word* values;    ///< [kKeyTile, width], right
  Word* weights;   ///< [kMaxRowBlock, kKeyTile], left
  float* scores;   ///< [kMaxRowBlock, kKeyTile]
  float* out;      ///< [rows, width], sums of weight * value
  float* largest;  ///< [rows], of q.k (or tanh) so far
  float* sums;     ///< [rows, kMaxLanes], of weights

  ForwardScratch(Carver& carver, int64_t item_rows, int64_t width)
      : ForwardScratch(round_up(item_rows, kMaxRowBlock), width, carver) {}

 private:
  ForwardScratch(int64_t rows, int64_t width, Carver& carver)
      : queries(carver.take<Word>(rows * width)),
        keys(carver.take<Word>(width * kKeyTile)),
        values(carver.take<Word>(kKeyTile * width)),
        weights(carver.take<Word>(kMaxRowBlock * kKeyTile)),
        scores(carver.take<float>(kMaxRowBlock * kKeyTile)),
        out(carver.take<float>(rows * width)),
        largest(carver.take<float>(rows)),
        sums(carver.take<float>(rows * kMaxLanes)) {}
};

template <class Word>
struct BackwardScratch {
  Word *queries, *d_out;            ///< [rows, width], left operands
  Word *queries_over, *d_out_over;  ///< [rows, width], operands of sums over rows
  Word *keys, *values;              ///< [width, kKeyTile], right
  Word* keys_right;                 ///< [kKeyTile, width], right
  Word* d_scores_left;              ///< [kMaxRowBlock, kKeyTile]
  Word *weights, *d_scores;         ///< [rows, kKeyTile], operands of sums over rows
  float *scores, *d_weights;        ///< [kMaxRowBlock, kKeyTile]
  float* d_q;                       ///< [rows, width]
  float* transposed;                ///< [width, kKeyTile]
  float* delta;                     ///< [rows], the sum of out * d_out
  float* lse2;                      ///< [rows], lse in powers of 2

  BackwardScratch(Carver& carver, int64_t item_rows, int64_t width)
      : BackwardScratch(round_up(item_rows, kMaxRowBlock), width, carver) {}

 private:
  BackwardScratch(int64_t rows, int64_t width, Carver& carver)
      : queries(carver.take<Word>(rows * width)),
        d_out(carver.take<Word>(rows * width)),
        queries_over(carver.take<Word>(rows * width)),
        d_out_over(carver.take<Word>(rows * width)),
        keys(carver.take<Word>(width * kKeyTile)),
        values(carver.take<Word>(width * kKeyTile)),
        keys_right(carver.take<Word>(kKeyTile * width)),
        d_scores_left(carver.take<Word>(kMaxRowBlock * kKeyTile)),
        weights(carver.take<Word>(rows * kKeyTile)),
        d_scores(carver.take<Word>(rows * kKeyTile)),
        scores(carver.take<float>(kMaxRowBlock * kKeyTile)),
        d_weights(carver.take<float>(kMaxRowBlock * kKeyTile)),
        d_q(carver.take<float>(rows * width)),
        transposed(carver.take<float>(width * kKeyTile)),
        delta(carver.take<float>(rows)),
        lse2(carver.take<float>(rows)) {}
};

}  // namespace graft::kernels
