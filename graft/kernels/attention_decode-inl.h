// Attention of a sequence's only query, as in decoding: each key is read once, as it is stored.
// Included once per instruction set, after attention_forward-inl.h with words_f32-inl.h.

#if defined(GRAFT_KERNELS_ATTENTION_DECODE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_ATTENTION_DECODE_INL_H_
#undef GRAFT_KERNELS_ATTENTION_DECODE_INL_H_
#else
#define GRAFT_KERNELS_ATTENTION_DECODE_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <limits>

#include "graft/kernels/attention_items.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// The query of one item, and the keys that it sees.
template <class T>
struct DecodeOperands {
  const T* q;  ///< of the item's first head
  RowBlocks k, v;
  T* out;
  float* lse;         ///< or null
  int64_t first_key;  ///< its row
  int64_t keys;
  int64_t key_begin;  ///< of the key head, in elements of a row
  int64_t key_step;   ///< elements from a key to the next

  /// Visits `count` keys block by block: calls use(j, k's row, v's row, n) for each run of n keys
  /// from `first` + j on that lie in one block.
  template <class Use>
  void for_each_run(int64_t first, int64_t count, Use&& use) const {
    for (int64_t j = 0; j < count;) {
      const int64_t row = first_key + first + j, block = row / k.rows, at = row % k.rows;
      const int64_t n = std::min(count - j, k.rows - at), offset = at * key_step + key_begin;
      use(j, static_cast<const T*>(k.blocks[block]) + offset,
          static_cast<const T*>(v.blocks[block]) + offset, n);
      j += n;
    }
  }
};

template <class T>
DecodeOperands<T> decode_operands(const ForwardCall& call, const AttentionItem& item) {
  const HeadRows q = f32_words::query_rows(call.shape, item, call.q);
  const HeadRows lse = f32_words::lse_rows(call.shape, item, call.lse);
  const int64_t end = std::max<int64_t>(item.visible(item.query_begin), 0);
  const int64_t begin = std::max<int64_t>(end - item.window, 0);
  return {static_cast<const T*>(call.q) + q.at(0),
          call.k,
          call.v,
          static_cast<T*>(call.out) + q.at(0),
          call.lse == nullptr ? nullptr : call.lse + lse.at(0),
          item.sequence.key_begin + begin,
          end - begin,
          item.kv_head * call.shape.head_dim,
          call.shape.kv_heads * call.shape.head_dim};
}

/// Turns the scores of `count` keys into weights e^(score - largest); `largest` and `sum` cover all
/// tiles so far. Returns the factor by which earlier weights must be multiplied.
HWY_INLINE float decode_softmax(const AttentionShape& shape, int64_t count, float* scores,
                                float& largest, float& sum) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float lowest = -std::numeric_limits<float>::infinity();
  const int64_t end = round_up(count, lanes);
  std::fill(scores + count, scores + end, lowest);
  auto high = hn::Set(d, lowest);
  for (int64_t j = 0; j < end; j += lanes) {
    auto score = hn::Mul(hn::Load(d, scores + j), hn::Set(d, shape.scale));
    if (shape.soft_cap > 0) {
      score = hn::Mul(tanh(d, hn::Mul(score, hn::Set(d, 1 / shape.soft_cap))),
                      hn::Set(d, shape.soft_cap));
      const auto seen = hn::FirstN(d, static_cast<size_t>(std::max<int64_t>(count - j, 0)));
      score = hn::IfThenElse(seen, score, hn::Set(d, lowest));
    }
    hn::Store(score, d, scores + j);
    high = hn::Max(high, score);
  }
  const float before = largest;
  largest = std::max(largest, max_of(d, high));
  auto total = hn::Zero(d);
  for (int64_t j = 0; j < end; j += lanes) {
    const auto weight = exp(d, hn::Sub(hn::Load(d, scores + j), hn::Set(d, largest)));
    hn::Store(weight, d, scores + j);
    total = hn::Add(total, weight);
  }
  const float factor = before == largest ? 1.0f : std::exp(before - largest);
  sum = sum * factor + sum_of(d, total);
  return factor;
}

/// Weights [heads, kKeyTile] of `count` keys from `first` on, and the factors for the heads' sums
/// so far.
struct DecodeTile {
  int64_t first, count;
  const float* weights;
  const float* factors;
};

/// out [kHeads, width] = out * factor + weights times `values`, in kVectors vectors of columns.
template <int kHeads, int kVectors, class T, class Lanes>
HWY_INLINE void add_values(const DecodeTile& tile, const T* values, int64_t step, int64_t width,
                           float* out, Lanes lanes) {
  const FloatTag d;
  FloatVec sums[kHeads][kVectors];
  for (int h = 0; h < kHeads; ++h) {
    for (int i = 0; i < kVectors; ++i) {
      const float* from = out + h * width + i * static_cast<int64_t>(hn::Lanes(d));
      sums[h][i] = hn::Mul(hn::Load(d, from), hn::Set(d, tile.factors[h]));
    }
  }
  for (int64_t j = 0; j < tile.count; ++j) {
    FloatVec numbers[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      numbers[i] = load(d, values + j * step + i * static_cast<int64_t>(hn::Lanes(d)), lanes);
    }
    for (int h = 0; h < kHeads; ++h) {
      const auto weight = hn::Set(d, tile.weights[h * kKeyTile + tile.first + j]);
      for (int i = 0; i < kVectors; ++i) sums[h][i] = hn::MulAdd(numbers[i], weight, sums[h][i]);
    }
  }
  for (int h = 0; h < kHeads; ++h) {
    for (int i = 0; i < kVectors; ++i) {
      hn::Store(sums[h][i], d, out + h * width + i * static_cast<int64_t>(hn::Lanes(d)));
    }
  }
}

/// Computes the heads [0, kHeads) of `x`. `scratch` has room for 2 * kHeads rows of `width` and
/// kHeads rows of kKeyTile.
template <int kHeads, class T>
HWY_INLINE void decode_heads(const AttentionShape& shape, const DecodeOperands<T>& x, int64_t width,
                             float* scratch) {
  const FloatTag d;
  const int64_t dim = shape.head_dim;
  float* queries = scratch;               // [kHeads, width], zeros after head_dim
  float* out = queries + kHeads * width;  // [kHeads, width]
  float* weights = out + kHeads * width;  // [kHeads, kKeyTile]
  std::fill(queries, weights, 0.0f);
  float largest[kHeads], sum[kHeads] = {};
  for (int h = 0; h < kHeads; ++h) {
    largest[h] = f32_words::kLowest;
    for_vectors(hn::Lanes(d), 0, dim, [&](int64_t i, auto lanes) HWY_ATTR {
      hn::Store(load(d, x.q + h * dim + i, lanes), d, queries + h * width + i);
    });
  }
  for (int64_t first = 0; first < x.keys; first += kKeyTile) {
    const int64_t count = std::min(kKeyTile, x.keys - first);
    x.for_each_run(first, count, [&](int64_t at, const T* key, const T*, int64_t n) HWY_ATTR {
      for (int64_t j = at; j < at + n; ++j, key += x.key_step) {
        FloatVec sums[kHeads];
        for (int h = 0; h < kHeads; ++h) sums[h] = hn::Zero(d);
        for_vectors(hn::Lanes(d), 0, dim, [&](int64_t i, auto lanes) HWY_ATTR {
          const auto numbers = load(d, key + i, lanes);
          for (int h = 0; h < kHeads; ++h) {
            sums[h] = hn::MulAdd(numbers, hn::Load(d, queries + h * width + i), sums[h]);
          }
        });
        for (int h = 0; h < kHeads; ++h) weights[h * kKeyTile + j] = sum_of(d, sums[h]);
      }
    });
    float factors[kHeads];
    for (int h = 0; h < kHeads; ++h) {
      factors[h] = decode_softmax(shape, count, weights + h * kKeyTile, largest[h], sum[h]);
    }
    x.for_each_run(first, count, [&](int64_t at, const T*, const T* values, int64_t n) HWY_ATTR {
      const DecodeTile tile{at, n, weights, factors};
      const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
      int64_t i = 0;
      for (; i + 2 * lanes <= dim; i += 2 * lanes) {
        add_values<kHeads, 2>(tile, values + i, x.key_step, width, out + i, Whole());
      }
      for_vectors(hn::Lanes(d), i, dim, [&](int64_t column, auto part) HWY_ATTR {
        add_values<kHeads, 1>(tile, values + column, x.key_step, width, out + column, part);
      });
      std::fill_n(factors, kHeads, 1.0f);  // the next run adds to the same tile's sums
    });
  }
  for (int h = 0; h < kHeads; ++h) {
    const float inverse = sum[h] == 0 ? 0.0f : 1 / sum[h];
    for_vectors(hn::Lanes(d), 0, dim, [&](int64_t i, auto lanes) HWY_ATTR {
      store(d, hn::Mul(hn::Load(d, out + h * width + i), hn::Set(d, inverse)), x.out + h * dim + i,
            lanes);
    });
    if (x.lse != nullptr) x.lse[h] = largest[h] + std::log(sum[h]);
  }
}

/// Computes an item of one query; all intermediate values are f32.
inline void decode_item(const ForwardCall& call, const AttentionItem& item, std::byte* scratch) {
  constexpr int64_t kMostHeads = 4;  // the sums of so many heads fit in registers
  const AttentionShape& shape = call.shape;
  const int64_t group = shape.heads / shape.kv_heads, width = operand_width(shape.head_dim);
  with_type(shape.type, [&](auto tag) HWY_ATTR {
    auto x = decode_operands<decltype(tag)>(call, item);
    auto* room = reinterpret_cast<float*>(scratch);
    for (int64_t left = group; left > 0; left -= kMostHeads) {
      if (left >= 4) {
        decode_heads<4>(shape, x, width, room);
      } else if (left == 3) {
        decode_heads<3>(shape, x, width, room);
      } else if (left == 2) {
        decode_heads<2>(shape, x, width, room);
      } else {
        decode_heads<1>(shape, x, width, room);
      }
      x.q += kMostHeads * shape.head_dim;
      x.out += kMostHeads * shape.head_dim;
      if (x.lse != nullptr) x.lse += kMostHeads;
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
