// Dot products of weights in E4M3 with x in f32. Included once per instruction set, after
// graft/kernels/targets.h; not for the scalar code.
//
// The bits of a byte, s eeee mmm, are moved to where bf16 has them, 0 to the left of the exponent:
// that is 2^-120 times the number, denormals included, and takes four operations on bytes. x is
// multiplied by a power of two such that no product of the two leaves f32's normal numbers, and the
// sum by what undoes both. NaN is looked for among the bytes: its weight's product with any x is
// NaN.

#if defined(GRAFT_KERNELS_MATVEC_E4M3_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_MATVEC_E4M3_INL_H_
#undef GRAFT_KERNELS_MATVEC_E4M3_INL_H_
#else
#define GRAFT_KERNELS_MATVEC_E4M3_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "graft/kernels/matvec-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

using ByteTag = hn::Repartition<uint8_t, FloatTag>;

/// The vectors of f32 that a vector of bytes becomes: of each 16 columns, four go to each.
constexpr int64_t kByteParts = 4;
constexpr int64_t kPartColumns = 4;

/// The columns whose weights fill a vector.
HWY_INLINE int64_t e4m3_block() { return static_cast<int64_t>(hn::Lanes(ByteTag())); }

/// Writes a row of x, times a power of two that makes its largest number about 2^60, in the order
/// of the weights' parts: `out` [padded columns], whose end is zeros. Returns what undoes it.
HWY_INLINE float arrange_for_e4m3(const float* x, int64_t columns, float* out) {
  const FloatTag d;
  auto largest = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, columns, [&](int64_t i, auto part) HWY_ATTR {
    largest = hn::Max(largest, hn::Abs(load(d, x + i, part)));
  });
  const float most = max_of(d, largest);
  const int exponent =
      most > 0 && std::isfinite(most) ? std::clamp(std::ilogb(most), -66, 127) : 60;
  const float factor = std::ldexp(1.0f, 60 - exponent);
  const int64_t block = e4m3_block(), lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t step = kByteParts * kPartColumns;
  for (int64_t at = 0; at < columns; at += block) {
    for (int64_t i = 0; i < block; ++i) {
      const int64_t part = i % step / kPartColumns;
      const int64_t lane = i / step * kPartColumns + i % kPartColumns;
      out[at + part * lanes + lane] = at + i < columns ? x[at + i] * factor : 0.0f;
    }
  }
  return std::ldexp(1.0f, exponent - 60);
}

/// Multiplies the scales of a row whose products with x would leave f32's normal numbers at its
/// lower end by a power of two that makes the largest of them about 1. Returns what undoes it.
HWY_INLINE double lift_small_scales(float* scales, int64_t groups) {
  const FloatTag d;
  auto largest = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, groups, [&](int64_t i, auto part) HWY_ATTR {
    largest = hn::Max(largest, load(d, scales + i, part));
  });
  const float most = max_of(d, largest);
  if (!(most > 0 && most < 0x1p-40f)) return 1;  // NaN, too
  const int exponent = std::ilogb(most);
  for (int64_t i = 0; i < groups; ++i) scales[i] = std::ldexp(scales[i], -exponent);
  return std::ldexp(1.0, exponent);
}

/// The products of kW rows of weights from `row` on with each row of x, as arrange_for_e4m3 writes
/// them; stored as by dense_dots. `undo` has the factor of each row of x, `scales` [kW, groups]
/// those of the weights in f32, of which a vector can be read from each on, and `lifted` what
/// undoes lift_small_scales in each row. All is undone in f64, which has every number between.
template <int kX, int kW>
HWY_INLINE void e4m3_dots(const QuantizedMatrix& w, int64_t row, const MatvecX& x,
                          const float* undo, const float* scales, const double* lifted,
                          float* HWY_RESTRICT dots) {
  const FloatTag d;
  const ByteTag d8;
  const hn::Repartition<uint16_t, FloatTag> d16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), groups = w.columns / w.group_size;
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(w.weight) + row * w.columns;
  const auto magnitude = hn::Set(d8, uint8_t{0x7f}), sign = hn::Set(d8, uint8_t{0x80});
  const auto upper = hn::Set(d8, uint8_t{0xf0}), exponent = hn::Set(d8, uint8_t{0x07});
  Sums<kX, kW> sums;
  hn::Vec<ByteTag> largest[kW];
  for (auto& v : largest) v = hn::Zero(d8);
  for_vectors(hn::Lanes(d8), 0, w.columns, [&](int64_t column, auto part) HWY_ATTR {
    hn::Vec<FloatTag> numbers[kW][kByteParts], scale[kW];
    for (int r = 0; r < kW; ++r) {
      const uint8_t* at = bytes + r * w.columns + column;
      hwy::Prefetch(at + kW * w.columns);
      const auto v = load_lanes(d8, at, part);
      largest[r] = hn::Max(largest[r], hn::And(v, magnitude));
      const auto words = hn::BitCast(d16, v);
      const auto low = hn::And(hn::BitCast(d8, hn::ShiftLeft<4>(words)), upper);
      const auto high =
          hn::Or(hn::And(hn::BitCast(d8, hn::ShiftRight<4>(words)), exponent), hn::And(v, sign));
      const auto first = hn::BitCast(d16, hn::InterleaveLower(d8, low, high));
      const auto second = hn::BitCast(d16, hn::InterleaveUpper(d8, low, high));
      const auto none = hn::Zero(d16);
      numbers[r][0] = hn::BitCast(d, hn::InterleaveLower(d16, none, first));
      numbers[r][1] = hn::BitCast(d, hn::InterleaveUpper(d16, none, first));
      numbers[r][2] = hn::BitCast(d, hn::InterleaveLower(d16, none, second));
      numbers[r][3] = hn::BitCast(d, hn::InterleaveUpper(d16, none, second));
      // A vector of 64 bytes is two groups.
      const float* s = scales + r * groups + column / w.group_size;
      scale[r] = hn::Set(d, s[0]);
#if HWY_MAX_BYTES >= 64
      const float other = column + 2 * w.group_size <= w.columns ? s[1] : 0.0f;
      scale[r] = hn::ConcatLowerLower(d, hn::Set(d, other), scale[r]);
#endif
    }
    for (int m = 0; m < kX; ++m) {
      const float* xs = x.row(m) + column;
      hn::Vec<FloatTag> products[kW];
      for (int r = 0; r < kW; ++r) products[r] = hn::Mul(numbers[r][0], hn::LoadU(d, xs));
      for (int64_t p = 1; p < kByteParts; ++p) {
        const auto v = hn::LoadU(d, xs + p * lanes);
        for (int r = 0; r < kW; ++r) products[r] = hn::MulAdd(numbers[r][p], v, products[r]);
      }
      for (int r = 0; r < kW; ++r) {
        sums.at[r][m] = hn::MulAdd(products[r], scale[r], sums.at[r][m]);
      }
    }
  });
  sums.put(dots);
  for (int r = 0; r < kW; ++r) {
    const bool is_nan = !hn::AllFalse(d8, hn::Eq(largest[r], magnitude));
    for (int m = 0; m < kX; ++m) {
      float& dot = dots[m * kDots + r];
      dot = is_nan ? std::numeric_limits<float>::quiet_NaN()
                   : static_cast<float>(dot * 0x1p120 * lifted[r] * undo[m]);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();
#endif

#endif
