// The elementwise parts of attention: from scores to weights, and to the scores' gradients.
// Included once per instruction set, after the words: words_f32-inl.h or words_bf16-inl.h.

#if defined(GRAFT_KERNELS_ATTENTION_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_ATTENTION_SOFTMAX_INL_H_
#undef GRAFT_KERNELS_ATTENTION_SOFTMAX_INL_H_
#else
#define GRAFT_KERNELS_ATTENTION_SOFTMAX_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "graft/kernels/attention_items.h"
#include "graft/kernels/simd-inl.h"

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

/// Row r of a block sees the keys [begin[r], end[r]) of a tile, counted from its first one, and the
/// rows together [begin[0], all_end). `later`: some begin is not 0.
struct SeenKeys {
  int64_t begin[kRowBlock], end[kRowBlock];
  int64_t all_end;
  bool later;
};

constexpr float kLog2e = 1.44269504088896341f;

/// Below every score. Finite, so that the difference of two of them is 0.
constexpr float kLowest = -3.402823466e38f;

/// The larger of x and a number; NaN for NaN, which Highway's Max does not promise.
HWY_INLINE FloatVec at_least(float low, FloatVec x) {
  const FloatTag d;
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(hn::Set(d, low), x);  // maxps returns its second operand if one is NaN
#else
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, low)), hn::Set(d, low), x);
#endif
}

/// 2^x for x up to 127, with a relative error below 2e-7; below x = -126 it stays 2^-126. NaN for
/// NaN.
HWY_INLINE FloatVec power_of_two(FloatVec x) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  // Adding the magic number rounds x to an integer, which then is the sum's low bits.
  const auto magic = hn::Set(d, 0x1.8p23f);
  const auto clamped = at_least(-126.0f, x);
  const auto shifted = hn::Add(clamped, magic);
  const auto f = hn::Sub(clamped, hn::Sub(shifted, magic));
  // A minimax polynomial for 2^f, |f| <= 1/2.
  auto p = hn::Set(d, 1.3276471979e-3f);
  p = hn::MulAdd(p, f, hn::Set(d, 9.6755413342e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.5507132735e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.4022119724e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.9314696706e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
}

/// Lane j: `column` + j < limit.
HWY_INLINE hn::Mask<FloatTag> before(int64_t column, int64_t limit) {
  return hn::FirstN(FloatTag(),
                    static_cast<size_t>(std::clamp<int64_t>(limit - column, 0, kMaxLanes)));
}

/// Lane j: begin <= `column` + j < end.
HWY_INLINE hn::Mask<FloatTag> within(int64_t column, int64_t begin, int64_t end) {
  return hn::AndNot(before(column, begin), before(column, end));
}

/// Replaces q.k by tanh(factor * q.k) in columns [begin, end) (whole vectors) of `scores`
/// [rows, kKeyTile].
inline void cap_scores(int64_t rows, int64_t begin, int64_t end, float factor, float* scores) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t r = 0; r < rows; ++r) {
    float* row = scores + r * kKeyTile;
    for (int64_t j = begin; j < end; j += lanes) {
      hn::Store(tanh(d, hn::Mul(hn::Load(d, row + j), hn::Set(d, factor))), d, row + j);
    }
  }
}

/// 2^(scale * (x - high)) of a vector of scores.
HWY_INLINE FloatVec weight(const float* scores, FloatVec high, FloatVec scale) {
  return power_of_two(hn::Mul(hn::Sub(hn::Load(FloatTag(), scores), high), scale));
}

/// One online step of softmax for `rows` rows of scores x [rows, kKeyTile], which are q.k or the
/// result of cap_scores; `seen` says which keys each row sees. Writes the weights, 2^(factor * (x -
/// largest)) or zero for keys that are not seen, to columns [begin, end) (whole vectors).
/// Multiplies `sums` [rows, kMaxLanes] by keep[r], the factor from the old largest to the new one,
/// and then adds the weights. kLater is seen.later; without it `begin` is 0.
template <bool kLater>
inline void softmax_step(int64_t rows, int64_t begin, int64_t end, const SeenKeys& seen,
                         float factor, const float* scores, float* largest, float* sums,
                         float* keep, Word* weights) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int64_t kChanges = round_up(kRowBlock, kMaxLanes);
  HWY_ALIGN float change[kChanges] = {};
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = scores + r * kKeyTile;
    auto high = hn::Set(d, largest[r]);
    int64_t j = 0;
    if constexpr (kLater) {
      j = round_down(seen.begin[r], lanes);
      if (j < seen.begin[r]) {
        high = hn::Max(high, hn::IfThenElse(within(j, seen.begin[r], seen.end[r]),
                                            hn::Load(d, row + j), high));
        j += lanes;
      }
    }
    for (; j + lanes <= seen.end[r]; j += lanes) high = hn::Max(high, hn::Load(d, row + j));
    if (j < seen.end[r]) {
      high = hn::Max(high, hn::IfThenElse(before(j, seen.end[r]), hn::Load(d, row + j), high));
    }
    const float now = max_of(d, high);
    change[r] = factor * (largest[r] - now);
    largest[r] = now;
  }
  for (int64_t r = 0; r < kChanges; r += lanes) {
    hn::Store(power_of_two(hn::Load(d, change + r)), d, change + r);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = scores + r * kKeyTile;
    Word* to = weights + r * kKeyTile / kPack;
    const auto scale = hn::Set(d, factor);
    const auto high = hn::Set(d, largest[r]);
    keep[r] = change[r];
    auto sum = hn::Mul(hn::Set(d, keep[r]), hn::Load(d, sums + r * kMaxLanes));
    int64_t j = begin;
    if constexpr (kLater) {
      for (; j + lanes <= seen.begin[r]; j += lanes) store_left(hn::Zero(d), to, j);
      if (j < seen.begin[r]) {
        const auto p =
            hn::IfThenElseZero(within(j, seen.begin[r], seen.end[r]), weight(row + j, high, scale));
        sum = hn::Add(sum, p);
        store_left(p, to, j);
        j += lanes;
      }
    }
    for (; j + lanes <= seen.end[r]; j += lanes) {
      const auto p = weight(row + j, high, scale);
      sum = hn::Add(sum, p);
      store_left(p, to, j);
    }
    if (j < seen.end[r]) {
      const auto p = hn::IfThenElseZero(before(j, seen.end[r]), weight(row + j, high, scale));
      sum = hn::Add(sum, p);
      store_left(p, to, j);
      j += lanes;
    }
    for (; j < end; j += lanes) store_left(hn::Zero(d), to, j);
    hn::Store(sum, d, sums + r * kMaxLanes);
  }
}

/// A vector of weights p = 2^(scale * x - lse2) for the scores x, as in softmax_step, and of the
/// gradients of scale q.k, ds = p * (d_weights - delta), with kCapped times tanh's slope 1 - x^2.
template <bool kCapped>
HWY_INLINE void weights_and_d_scores(const float* scores, const float* d_weights, FloatVec scale,
                                     FloatVec lse2, FloatVec delta, FloatVec& p, FloatVec& ds) {
  const FloatTag d;
  const auto x = hn::Load(d, scores);
  p = power_of_two(hn::MulSub(x, scale, lse2));
  ds = hn::Mul(p, hn::Sub(hn::Load(d, d_weights), delta));
  if constexpr (kCapped) ds = hn::Mul(ds, hn::NegMulAdd(x, x, hn::Set(d, 1.0f)));
}

/// Recomputes the weights of `rows` rows of scores, and the gradients of scale q.k, in columns
/// [begin, end) (whole vectors); zero where a key is not seen. `rows` is even. Row 0 is row `first`
/// (even) of `weights` and `d_scores`; `d_scores_left` [rows, kKeyTile] is the same as a left
/// operand.
template <bool kCapped>
inline void d_softmax(int64_t rows, int64_t begin, int64_t end, const SeenKeys& seen, float factor,
                      const float* scores, const float* d_weights, const float* lse2,
                      const float* delta, int64_t first, Word* weights, Word* d_scores,
                      Word* d_scores_left) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto scale = hn::Set(d, factor);
  for (int64_t r = 0; r < rows; r += 2) {
    const int64_t begin0 = seen.begin[r], begin1 = seen.begin[r + 1];
    const int64_t end0 = seen.end[r], end1 = seen.end[r + 1];
    // Both rows see all keys of the vectors that start in [first_whole, last_whole].
    const int64_t first_whole = std::max(begin0, begin1);
    const int64_t last_whole = std::min(end0, end1) - lanes;
    for (int64_t j = begin; j < end; j += lanes) {
      const int64_t at0 = r * kKeyTile + j, at1 = at0 + kKeyTile;
      FloatVec p0, p1, ds0, ds1;
      weights_and_d_scores<kCapped>(scores + at0, d_weights + at0, scale, hn::Set(d, lse2[r]),
                                    hn::Set(d, delta[r]), p0, ds0);
      weights_and_d_scores<kCapped>(scores + at1, d_weights + at1, scale, hn::Set(d, lse2[r + 1]),
                                    hn::Set(d, delta[r + 1]), p1, ds1);
      if (j < first_whole || j > last_whole) {
        auto seen0 = before(j, end0), seen1 = before(j, end1);
        if (j < first_whole) {
          seen0 = within(j, begin0, end0);
          seen1 = within(j, begin1, end1);
        }
        p0 = hn::IfThenElseZero(seen0, p0);
        p1 = hn::IfThenElseZero(seen1, p1);
        ds0 = hn::IfThenElseZero(seen0, ds0);
        ds1 = hn::IfThenElseZero(seen1, ds1);
      }
      store_left(ds0, d_scores_left + r * kKeyTile / kPack, j);
      store_left(ds1, d_scores_left + (r + 1) * kKeyTile / kPack, j);
      store_pair(p0, p1, weights, first + r, kKeyTile, j);
      store_pair(ds0, ds1, d_scores, first + r, kKeyTile, j);
    }
  }
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
