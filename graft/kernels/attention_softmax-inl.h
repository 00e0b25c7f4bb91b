// The elementwise parts of attention: from scores to weights, and to the scores' gradients.
// Included once an instruction set, after the words: words_f32-inl.h or words_bf16-inl.h.

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

/// One online step of softmax for `rows` rows of scores q.k [rows, kKeyTile], of which row r sees
/// the first limits[r] keys. Writes the weights 2^(factor * (q.k - largest)), zero where a key is
/// not seen, for `columns` columns (whole vectors); adds them to `sums` [rows, kMaxLanes] after
/// these were multiplied by keep[r], the factor between weights for the old largest and the new.
inline void softmax_step(int64_t rows, int64_t columns, const int64_t* limits, float factor,
                         const float* scores, float* largest, float* sums, float* keep,
                         Word* weights) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int64_t kChanges = round_up(kRowBlock, kMaxLanes);
  HWY_ALIGN float change[kChanges] = {};
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = scores + r * kKeyTile;
    auto high = hn::Set(d, largest[r]);
    int64_t j = 0;
    for (; j + lanes <= limits[r]; j += lanes) high = hn::Max(high, hn::Load(d, row + j));
    if (j < limits[r]) {
      const auto seen = hn::IfThenElse(before(j, limits[r]), hn::Load(d, row + j), high);
      high = hn::Max(high, seen);
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
    int64_t j = 0;
    for (; j + lanes <= limits[r]; j += lanes) {
      const auto p = power_of_two(hn::Mul(hn::Sub(hn::Load(d, row + j), high), scale));
      sum = hn::Add(sum, p);
      store_left(p, to, j);
    }
    if (j < limits[r]) {
      const auto p = hn::IfThenElseZero(
          before(j, limits[r]), power_of_two(hn::Mul(hn::Sub(hn::Load(d, row + j), high), scale)));
      sum = hn::Add(sum, p);
      store_left(p, to, j);
      j += lanes;
    }
    for (; j < columns; j += lanes) store_left(hn::Zero(d), to, j);
    hn::Store(sum, d, sums + r * kMaxLanes);
  }
}

/// Recomputes the weights P = 2^(factor * q.k - lse2) of `rows` rows, and the gradients of the
/// scores, P * (d_weights - delta); zero where a key is not seen. `rows` is even. Row 0 is row
/// `first` (even) of `weights` and `d_scores`; `d_scores_left` [rows, kKeyTile] is the same as a
/// left operand.
inline void d_softmax(int64_t rows, int64_t columns, const int64_t* limits, float factor,
                      const float* scores, const float* d_weights, const float* lse2,
                      const float* delta, int64_t first, Word* weights, Word* d_scores,
                      Word* d_scores_left) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto scale = hn::Set(d, factor);
  for (int64_t r = 0; r < rows; r += 2) {
    for (int64_t j = 0; j < columns; j += lanes) {
      FloatVec p[2], ds[2];
      for (int64_t half = 0; half < 2; ++half) {
        const int64_t row = r + half, at = row * kKeyTile + j;
        if (j >= limits[row]) {
          p[half] = hn::Zero(d);
          ds[half] = hn::Zero(d);
        } else {
          p[half] =
              power_of_two(hn::MulSub(hn::Load(d, scores + at), scale, hn::Set(d, lse2[row])));
          ds[half] = hn::Mul(p[half], hn::Sub(hn::Load(d, d_weights + at), hn::Set(d, delta[row])));
          if (j + lanes > limits[row]) {
            p[half] = hn::IfThenElseZero(before(j, limits[row]), p[half]);
            ds[half] = hn::IfThenElseZero(before(j, limits[row]), ds[half]);
          }
        }
        store_left(ds[half], d_scores_left + row * kKeyTile / kPack, j);
      }
      store_pair(p[0], p[1], weights, first + r, kKeyTile, j);
      store_pair(ds[0], ds[1], d_scores, first + r, kKeyTile, j);
    }
  }
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
