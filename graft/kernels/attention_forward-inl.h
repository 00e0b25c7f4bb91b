// The forward pass of attention, one item at a time. Included once per instruction set, after the
// words and the products: words_f32-inl.h or words_bf16-inl.h, product-inl.h or product_amx-inl.h.

#if defined(GRAFT_KERNELS_ATTENTION_FORWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_ATTENTION_FORWARD_INL_H_
#undef GRAFT_KERNELS_ATTENTION_FORWARD_INL_H_
#else
#define GRAFT_KERNELS_ATTENTION_FORWARD_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "graft/kernels/attention_items.h"
#include "graft/kernels/attention_softmax-inl.h"
#include "hwy/contrib/math/math-inl.h"

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

/// The rows of q, out or their gradients that belong to an item: a query's heads, then the next's.
inline HeadRows query_rows(const AttentionShape& shape, const AttentionItem& item,
                           const void* data) {
  const int64_t group = shape.heads / shape.kv_heads, width = shape.heads * shape.head_dim;
  return {.data = data,
          .type = shape.type,
          .begin = (item.sequence.query_begin + item.query_begin) * width +
                   item.kv_head * group * shape.head_dim,
          .row_step = width,
          .group = group,
          .head_dim = shape.head_dim};
}

/// The rows of k or v of an item's sequence and key head.
inline HeadRows key_rows(const AttentionShape& shape, const AttentionItem& item, const void* data) {
  const int64_t width = shape.kv_heads * shape.head_dim;
  return {.data = data,
          .type = shape.type,
          .begin = item.sequence.key_begin * width + item.kv_head * shape.head_dim,
          .row_step = width,
          .group = 1,
          .head_dim = shape.head_dim};
}

/// The same for rows in blocks, starting at key `key` of the sequence.
inline HeadRows key_rows(const AttentionShape& shape, const AttentionItem& item,
                         const RowBlocks& rows, int64_t key) {
  const int64_t row = item.sequence.key_begin + key;
  HeadRows result = key_rows(shape, item, rows.blocks[row / rows.rows]);
  result.begin += (row % rows.rows - item.sequence.key_begin) * result.row_step;
  return result;
}

/// The item's elements of lse [N, H].
inline HeadRows lse_rows(const AttentionShape& shape, const AttentionItem& item, const float* lse) {
  AttentionShape one = shape;
  one.head_dim = 1;
  return query_rows(one, item, lse);
}

/// Finds which of the `count` keys from `first_key` on each of `rows` rows sees. The block's other
/// rows see none. If seen.begin[0] >= seen.all_end, no row sees any.
inline void seen_keys(const AttentionItem& item, int64_t group, int64_t first_row, int64_t rows,
                      int64_t first_key, int64_t count, SeenKeys& seen) {
  // The end of the keys that a row sees, counted from `first_key`.
  const auto visible = [&](int64_t row) {
    return item.visible(item.query_begin + row / group) - first_key;
  };
  const auto write = [&](int64_t at, int64_t* ends) {
    int64_t head = first_row % group;
    for (int64_t r = 0; r < rows; ++r) {
      ends[r] = std::clamp<int64_t>(at, 0, count);
      if (++head == group) {
        head = 0;
        ++at;
      }
    }
    std::fill(ends + rows, ends + kRowBlock, 0);
  };
  write(visible(first_row), seen.end);
  seen.all_end = seen.end[rows - 1];
  seen.later = visible(first_row + rows - 1) > item.window;
  if (seen.later) {
    write(visible(first_row) - item.window, seen.begin);
  } else {
    std::fill_n(seen.begin, kRowBlock, 0);
  }
}

/// The end of the tile of keys that begins at `key`: a multiple of kKeyTile, so that a row's result
/// does not depend on the item that contains it.
inline int64_t tile_end(const AttentionItem& item, int64_t key) {
  return std::min(round_down(key, kKeyTile) + kKeyTile, item.key_end());
}

constexpr int64_t words(int64_t depth) { return (depth + kPack - 1) / kPack; }

/// How many numbers along the depth of a left operand are written, and multiplied, together.
HWY_INLINE int64_t left_step() {
  return std::max(static_cast<int64_t>(hn::Lanes(FloatTag())), kPack * kDepthStep);
}

/// Stores rows of an f32 result [rows, width], row r times factors[r].
inline void store_rows(const HeadRows& to, void* data, int64_t count, int64_t width,
                       const float* from, const float* factors) {
  const FloatTag d;
  with_type(to.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    RowCursor cursor(to, 0);
    for (int64_t r = 0; r < count; ++r) {
      T* row = static_cast<T*>(data) + cursor.next();
      const auto factor = hn::Set(d, factors[r]);
      for_vectors(hn::Lanes(d), 0, to.head_dim, [=](int64_t i, auto lanes) HWY_ATTR {
        store(d, hn::Mul(factor, hn::Load(d, from + r * width + i)), row + i, lanes);
      });
    }
  });
}

/// Computes lse and, in place of `largest`, 1 / (sum of the weights) from the sums of softmax_step.
inline void finish_rows(const ForwardCall& call, const AttentionItem& item, int64_t rows,
                        float* largest, float* sums) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const HeadRows to = lse_rows(call.shape, item, call.lse);
  const float unit = score_unit(call.shape);
  RowCursor cursor(to, 0);
  for (int64_t r = 0; r < rows; r += lanes) {
    HWY_ALIGN float sum[kMaxLanes] = {}, lse[kMaxLanes], high[kMaxLanes] = {};
    const int64_t count = std::min(lanes, rows - r);
    for (int64_t i = 0; i < count; ++i) {
      sum[i] = sum_of(d, hn::Load(d, sums + (r + i) * kMaxLanes));
      high[i] = largest[r + i];
    }
    const auto total = hn::Load(d, sum);
    const auto none = hn::Eq(total, hn::Zero(d));
    const auto log = hn::MulAdd(hn::Load(d, high), hn::Set(d, unit), hn::Log(d, total));
    hn::Store(hn::IfThenElse(none, hn::Set(d, -std::numeric_limits<float>::infinity()), log), d,
              lse);
    hn::Store(hn::IfThenElse(none, hn::Zero(d), hn::Div(hn::Set(d, 1.0f), total)), d, sum);
    for (int64_t i = 0; i < count; ++i) {
      largest[r + i] = sum[i];
      if (call.lse != nullptr) call.lse[cursor.next()] = lse[i];
    }
  }
}

inline void forward_item(const ForwardCall& call, const AttentionItem& item, std::byte* block) {
  const AttentionShape& shape = call.shape;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(FloatTag()));
  const int64_t group = shape.heads / shape.kv_heads, rows = item.queries() * group;
  const int64_t width = operand_width(shape.head_dim);
  const int64_t vectors = round_up(shape.head_dim, lanes) / lanes;
  Carver carver(block);
  const ForwardScratch<Word> s(carver, rows, width);
  const HeadRows q = query_rows(shape, item, call.q);

  [[maybe_unused]] const Products products;
  load_left(q, 0, rows, width, s.queries);
  std::fill_n(s.out, rows * width, 0.0f);
  std::fill_n(s.sums, rows * kMaxLanes, 0.0f);
  std::fill_n(s.largest, rows, kLowest);
  for (int64_t key = item.key_begin(); key < item.key_end(); key = tile_end(item, key)) {
    const int64_t count = tile_end(item, key) - key;
    load_right_transposed(key_rows(shape, item, call.k, key), 0, count, kKeyTile, s.keys);
    load_right(key_rows(shape, item, call.v, key), 0, count, width, s.values);
    for (int64_t r = 0; r < rows; r += kRowBlock) {
      const int64_t n = std::min(kRowBlock, rows - r);
      SeenKeys seen;
      float keep[kRowBlock];
      seen_keys(item, group, r, n, key, count, seen);
      if (seen.begin[0] >= seen.all_end) continue;
      const int64_t begin = round_down(seen.begin[0], left_step());
      const int64_t end = round_up(seen.all_end, lanes);
      product(n, (end - begin) / lanes, words(shape.head_dim), {s.queries + r * width, width, 1},
              {s.keys + begin, kKeyTile}, {s.scores + begin, kKeyTile}, nullptr);
      if (shape.soft_cap > 0) cap_scores(n, begin, end, shape.scale / shape.soft_cap, s.scores);
      const int64_t columns = round_up(seen.all_end, left_step());
      const auto step = seen.later ? softmax_step<true> : softmax_step<false>;
      step(n, begin, columns, seen, score_unit(shape) * kLog2e, s.scores, s.largest + r,
           s.sums + r * kMaxLanes, keep, s.weights);
      const int64_t skipped = begin / kPack;
      product(n, vectors, words(seen.all_end) - skipped, {s.weights + skipped, kKeyTile / kPack, 1},
              {s.values + skipped * width, width}, {s.out + r * width, width}, keep);
    }
  }
  finish_rows(call, item, rows, s.largest, s.sums);
  store_rows(query_rows(shape, item, call.out), call.out, rows, width, s.out, s.largest);
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
