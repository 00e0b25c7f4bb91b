// The backward pass of attention, one item at a time. Included once an instruction set, after the
// words and the products: words_f32-inl.h or words_bf16-inl.h, product-inl.h or product_amx-inl.h.

#if defined(GRAFT_KERNELS_ATTENTION_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_ATTENTION_BACKWARD_INL_H_
#undef GRAFT_KERNELS_ATTENTION_BACKWARD_INL_H_
#else
#define GRAFT_KERNELS_ATTENTION_BACKWARD_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "graft/kernels/attention_forward-inl.h"

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

/// The operands that a tile of queries needs against every tile of keys.
inline void load_queries(const BackwardCall& call, const AttentionItem& item, int64_t rows,
                         int64_t width, const BackwardScratch<Word>& s) {
  const FloatTag d;
  const AttentionShape& shape = call.shape;
  const HeadRows q = query_rows(shape, item, call.q), d_out = query_rows(shape, item, call.d_out);
  load_left(q, 0, rows, width, s.queries);
  load_left(d_out, 0, rows, width, s.d_out);
  load_over_rows(q, 0, rows, width, s.queries_over);
  load_over_rows(d_out, 0, rows, width, s.d_out_over);
  with_type(shape.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    const T* outs = static_cast<const T*>(call.out);
    const T* d_outs = static_cast<const T*>(call.d_out);
    const HeadRows lse = lse_rows(shape, item, call.lse);
    RowCursor cursor(d_out, 0), lse_cursor(lse, 0);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = cursor.next();
      auto sum = hn::Zero(d);
      for_vectors(hn::Lanes(d), 0, shape.head_dim, [&](int64_t i, auto lanes) HWY_ATTR {
        sum = hn::MulAdd(load(d, outs + at + i, lanes), load(d, d_outs + at + i, lanes), sum);
      });
      s.delta[r] = sum_of(d, sum);
      s.lse2[r] = call.lse[lse_cursor.next()] * kLog2e;
    }
  });
  std::fill_n(s.d_q, rows * width, 0.0f);
}

/// One tile of queries against one of keys [first_key, first_key + count).
inline void backward_tile(const BackwardCall& call, const AttentionItem& item, int64_t rows,
                          int64_t width, int64_t first_key, int64_t count,
                          const BackwardScratch<Word>& s, const KeyGradients& sums) {
  const AttentionShape& shape = call.shape;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(FloatTag()));
  const int64_t group = shape.heads / shape.kv_heads, depth = words(shape.head_dim);
  const int64_t vectors = round_up(shape.head_dim, lanes) / lanes;
  float ones[kRowBlock];
  std::fill_n(ones, kRowBlock, 1.0f);
  for (int64_t r = 0; r < rows; r += kRowBlock) {
    const int64_t n = std::min(kRowBlock, rows - r);
    int64_t limits[kRowBlock];
    const int64_t most = key_limits(item, group, r, n, first_key, count, limits);
    if (most == 0) continue;
    const int64_t columns = round_up(most, lanes);
    product(n, columns / lanes, depth, {s.queries + r * width, width, 1}, {s.keys, kKeyTile},
            {s.scores, kKeyTile}, nullptr);
    product(n, columns / lanes, depth, {s.d_out + r * width, width, 1}, {s.values, kKeyTile},
            {s.d_weights, kKeyTile}, nullptr);
    d_softmax(round_up(n, 2 * kDepthStep), left_columns(count), limits, shape.scale * kLog2e,
              s.scores, s.d_weights, s.lse2 + r, s.delta + r, r, s.weights, s.d_scores,
              s.d_scores_left);
    product(n, vectors, words(most), {s.d_scores_left, kKeyTile / kPack, 1}, {s.keys_right, width},
            {s.d_q + r * width, width}, ones);
  }
  const auto first_row = [&](int64_t j) {
    return group * std::max<int64_t>(first_key + j - item.past() - item.query_begin, 0);
  };
  add_over_rows(rows, count, vectors, s.weights, kKeyTile, s.d_out_over, width,
                sums.d_v + first_key * width, s.transposed, first_row);
  add_over_rows(rows, count, vectors, s.d_scores, kKeyTile, s.queries_over, width,
                sums.d_k + first_key * width, s.transposed, first_row);
}

// With P = softmax(scale Q K^T) recomputed from lse, O = P V and delta = rowsum(dO * O), which is
// rowsum(P * dP):
//   dV = P^T dO,  dP = dO V^T,  dS = P * (dP - delta),  dQ = scale dS K,  dK = scale dS^T Q.
inline void backward_item(const BackwardCall& call, const AttentionItem& whole,
                          const KeyGradients& sums, std::byte* block) {
  const AttentionShape& shape = call.shape;
  const int64_t group = shape.heads / shape.kv_heads;
  const int64_t width = operand_width(shape.head_dim);
  const int64_t step = std::max<int64_t>(1, kQueryRows / group);
  Carver carver(block);
  const BackwardScratch<Word> s(carver, step * group, width);
  [[maybe_unused]] const Products products;
  std::fill_n(sums.d_k, sums.keys * width, 0.0f);
  std::fill_n(sums.d_v, sums.keys * width, 0.0f);
  for (int64_t query = whole.query_begin; query < whole.query_end; query += step) {
    AttentionItem item = whole;
    item.query_begin = query;
    item.query_end = std::min(query + step, whole.query_end);
    const int64_t rows = item.queries() * group;
    load_queries(call, item, rows, width, s);
    const int64_t visible = item.visible(item.query_end - 1);
    for (int64_t key = 0; key < visible; key += kKeyTile) {
      const int64_t count = std::min(kKeyTile, visible - key);
      const HeadRows k = key_rows(shape, item, call.k), v = key_rows(shape, item, call.v);
      load_right_transposed(k, key, count, kKeyTile, s.keys);
      load_right_transposed(v, key, count, kKeyTile, s.values);
      load_right(k, key, count, width, s.keys_right);
      backward_tile(call, item, rows, width, key, count, s, sums);
    }
    std::fill_n(s.delta, rows, shape.scale);
    store_rows(query_rows(shape, item, call.d_q), call.d_q, rows, width, s.d_q, s.delta);
  }
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
