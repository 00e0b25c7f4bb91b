// The backward pass of attention, one item at a time. Included once per instruction set, after the
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
template <bool kCapped>
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
    SeenKeys seen;
    seen_keys(item, group, r, n, first_key, count, seen);
    if (seen.begin[0] >= seen.all_end) continue;
    const int64_t begin = round_down(seen.begin[0], left_step());
    const int64_t end = round_up(seen.all_end, lanes);
    product(n, (end - begin) / lanes, depth, {s.queries + r * width, width, 1},
            {s.keys + begin, kKeyTile}, {s.scores + begin, kKeyTile}, nullptr);
    product(n, (end - begin) / lanes, depth, {s.d_out + r * width, width, 1},
            {s.values + begin, kKeyTile}, {s.d_weights + begin, kKeyTile}, nullptr);
    if constexpr (kCapped) cap_scores(n, begin, end, shape.scale / shape.soft_cap, s.scores);
    // add_over_rows reads a block's rows in every block of columns in which any of them sees a key.
    const int64_t from = round_down(round_down(seen.begin[0], kRowBlock), left_step());
    const int64_t to = round_up(std::min(round_up(seen.all_end, kRowBlock), count), left_step());
    d_softmax<kCapped>(round_up(n, 2 * kDepthStep), from, to, seen, score_unit(shape) * kLog2e,
                       s.scores, s.d_weights, s.lse2 + r, s.delta + r, r, s.weights, s.d_scores,
                       s.d_scores_left);
    const int64_t skipped = begin / kPack;
    product(n, vectors, words(seen.all_end) - skipped,
            {s.d_scores_left + skipped, kKeyTile / kPack, 1},
            {s.keys_right + skipped * width, width}, {s.d_q + r * width, width}, ones);
  }
  // Key j is seen by the query whose own key it is and by the next window - 1 queries.
  const auto first_row = [&](int64_t j) {
    return group * std::max<int64_t>(first_key + j - item.past() - item.query_begin, 0);
  };
  const auto end_row = [&](int64_t j) {
    return group * (first_key + j + item.window - item.past() - item.query_begin);
  };
  const int64_t at = (first_key - sums.key_begin) * width;
  add_over_rows(rows, count, vectors, s.weights, kKeyTile, s.d_out_over, width, sums.d_v + at,
                s.transposed, first_row, end_row);
  add_over_rows(rows, count, vectors, s.d_scores, kKeyTile, s.queries_over, width, sums.d_k + at,
                s.transposed, first_row, end_row);
}

// With P = softmax(scale Q K^T) recomputed from lse, O = P V and delta = rowsum(dO * O), which is
// rowsum(P * dP):
//   dV = P^T dO,  dP = dO V^T,  dS = P * (dP - delta),  dQ = scale dS K,  dK = scale dS^T Q.
// With a soft cap P is softmax(soft_cap T), T = tanh(scale Q K^T / soft_cap), and
//   dS = P * (dP - delta) * (1 - T^2).
inline void backward_item(const BackwardCall& call, const AttentionItem& whole,
                          const KeyGradients& sums, std::byte* block) {
  const AttentionShape& shape = call.shape;
  const int64_t group = shape.heads / shape.kv_heads;
  const int64_t width = operand_width(shape.head_dim);
  const int64_t step = std::max<int64_t>(1, kQueryRows / group);
  Carver carver(block);
  const BackwardScratch<Word> s(carver, step * group, width);
  [[maybe_unused]] const Products products;
  std::fill_n(sums.d_k, sums.keys() * width, 0.0f);
  std::fill_n(sums.d_v, sums.keys() * width, 0.0f);
  for (int64_t query = whole.query_begin; query < whole.query_end; query += step) {
    AttentionItem item = whole;
    item.query_begin = query;
    item.query_end = std::min(query + step, whole.query_end);
    const int64_t rows = item.queries() * group;
    load_queries(call, item, rows, width, s);
    for (int64_t key = item.key_begin(); key < item.key_end(); key = tile_end(item, key)) {
      const int64_t count = tile_end(item, key) - key;
      const HeadRows k = key_rows(shape, item, call.k), v = key_rows(shape, item, call.v);
      load_right_transposed(k, key, count, kKeyTile, s.keys);
      load_right_transposed(v, key, count, kKeyTile, s.values);
      load_right(k, key, count, width, s.keys_right);
      if (shape.soft_cap > 0) {
        backward_tile<true>(call, item, rows, width, key, count, s, sums);
      } else {
        backward_tile<false>(call, item, rows, width, key, count, s, sums);
      }
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
