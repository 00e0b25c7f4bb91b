// Dot products of 4- and 8-bit weights, as they are stored, with x in 16-bit integers. Included
// once per instruction set, after graft/kernels/targets.h; not for the scalar code.

#if defined(GRAFT_KERNELS_MATVEC_INTEGER_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_MATVEC_INTEGER_INL_H_
#undef GRAFT_KERNELS_MATVEC_INTEGER_INL_H_
#else
#define GRAFT_KERNELS_MATVEC_INTEGER_INL_H_
#endif

#include <algorithm>
#include <bit>

#include "graft/kernels/group_rounding-inl.h"
#include "graft/kernels/matvec-inl.h"

#if HWY_TARGET != HWY_SCALAR  // its vectors of one lane cannot hold two words
HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// Vectors of 16-bit words, and of the 32-bit sums of their products, one for each two words.
using WordTag = hn::Repartition<int16_t, FloatTag>;
using SumTag = hn::RebindToSigned<FloatTag>;

/// The number of columns whose weights of kBits fill a 16-bit word, lowest bits first.
template <int kBits>
constexpr int64_t kWordColumns = 16 / kBits;

/// The number of columns whose weights fill a vector.
template <int kBits>
HWY_INLINE int64_t block_columns() {
  return kWordColumns<kBits> * static_cast<int64_t>(hn::Lanes(WordTag()));
}

/// What one unit of a weight's 16-bit word stands for: words of E2M1 hold 512 times their number.
template <class Values>
constexpr float kWordUnit = Values::kBiased ? 1.0f : 1.0f / 512;

/// Writes row `row` of `to`. `rounded` has room for two rows. A number that is not finite makes its
/// whole group NaN, and so the product.
template <class Values, class X>
HWY_INLINE void to_integers(const X* x, int64_t columns, int64_t group_size, int16_t* rounded,
                            const IntegerX& to, int64_t row) {
  constexpr int kBits = Values::kBits;
  const FloatTag d;
  const WordTag d16;
  const hn::Rebind<int16_t, FloatTag> d16_half;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t groups = columns / group_size;
  const auto rests = hn::Set(d, kRests);
  float* scales = to.scales + row * to.group_step;
  float* sums = to.sums + row * to.group_step;
  for (int64_t g = 0; g < groups; ++g) {
    const X* numbers = x + g * group_size;
    const GroupRounding rounding = group_rounding(numbers, group_size, kLargestInteger);
    const auto factor = hn::Set(d, rounding.factor);
    auto sum = hn::Zero(d), rest_sum = hn::Zero(d);  // both are exact: at most 2^22
    for (int64_t i = 0; i < group_size; i += lanes) {
      const auto v = rounding.matters ? load(d, numbers + i) : hn::Zero(d);
      const auto n = hn::NearestInt(hn::Mul(v, factor));
      const auto whole = hn::ConvertTo(d, n);
      const auto rest = hn::NearestInt(hn::Mul(hn::MulSub(v, factor, whole), rests));
      sum = hn::Add(sum, whole);
      rest_sum = hn::Add(rest_sum, hn::ConvertTo(d, rest));
      int16_t* at = rounded + g * group_size + i;
      hn::StoreU(hn::DemoteTo(d16_half, n), d16_half, at);
      hn::StoreU(hn::DemoteTo(d16_half, rest), d16_half, at + to.columns);
    }
    scales[g] = rounding.scale;
    sums[g] = scales[g] * (sum_of(d, sum) + sum_of(d, rest_sum) / kRests);
    scales[g] *= kWordUnit<Values>;
  }
  std::fill(scales + groups, scales + to.group_step, 0.0f);
  std::fill(sums + groups, sums + to.group_step, 0.0f);
  for (int16_t* row_end : {rounded + columns, rounded + to.columns + columns}) {
    std::fill_n(row_end, to.columns - columns, int16_t{0});
  }

  // A block of the integers, then one of their rests.
  int16_t* words = to.words + row * 2 * to.columns;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d16));
  const int64_t block = block_columns<kBits>();
  for (int64_t at = 0; at < 2 * to.columns; at += block) {
    const int64_t i = at / (2 * block) * block + at / block % 2 * to.columns;
    hn::Vec<WordTag> v[4];
    if constexpr (kBits == 4) {
      hn::LoadInterleaved4(d16, rounded + i, v[0], v[1], v[2], v[3]);
    } else {
      hn::LoadInterleaved2(d16, rounded + i, v[0], v[1]);
    }
    for (int p = 0; p < kWordColumns<kBits>; ++p) hn::StoreU(v[p], d16, words + at + p * step);
  }
}

/// The weights in the words of a vector: part p holds column kWordColumns * i + p as word i.
template <int kBits>
HWY_INLINE void split_words(Integers<kBits>, hn::Vec<WordTag> words, hn::Vec<WordTag>* parts) {
  const WordTag d16;
  const hn::RebindToUnsigned<WordTag> du16;
  const auto bits = hn::BitCast(du16, words);
  const auto low = hn::Set(du16, static_cast<uint16_t>((1 << kBits) - 1));
  parts[0] = hn::BitCast(d16, hn::And(bits, low));
  if constexpr (kBits == 4) {
    parts[1] = hn::BitCast(d16, hn::And(hn::ShiftRight<4>(bits), low));
    parts[2] = hn::BitCast(d16, hn::And(hn::ShiftRight<8>(bits), low));
  }
  parts[kWordColumns<kBits> - 1] = hn::BitCast(d16, hn::ShiftRight<16 - kBits>(bits));
}

/// The upper byte of a word becomes twice the number, and the lower one, whose index is 0, zero.
HWY_INLINE void split_words(E2m1, hn::Vec<WordTag> words, hn::Vec<WordTag>* parts) {
  const WordTag d16;
  const hn::Repartition<int8_t, WordTag> d8;
  const auto table = hn::LoadDup128(d8, kTwiceE2m1);
  const auto upper = hn::Set(d16, int16_t{0x0f00});
  const auto numbers = [&](hn::Vec<WordTag> nibbles) HWY_ATTR {
    const auto indices = hn::BitCast(d8, hn::And(nibbles, upper));
    return hn::BitCast(d16, hn::TableLookupBytes(table, indices));
  };
  parts[0] = numbers(hn::ShiftLeft<8>(words));
  parts[1] = numbers(hn::ShiftLeft<4>(words));
  parts[2] = numbers(words);
  parts[3] = numbers(hn::ShiftRight<4>(words));
}

/// The groups' factors, arranged to match the lanes of a block's sums. A lane is the sum of two
/// words.
template <int kBits>
class LaneFactors {
 public:
  HWY_INLINE explicit LaneFactors(int64_t group_size)
      : shift_(std::countr_zero(static_cast<uint64_t>(group_size / (2 * kWordColumns<kBits>)))),
        several_((int64_t{1} << shift_) < static_cast<int64_t>(hn::Lanes(SumTag()))) {
    const SumTag di;
    alignas(64) int32_t indices[HWY_MAX_BYTES / sizeof(int32_t)];
    for (size_t i = 0; i < hn::Lanes(di); ++i) indices[i] = static_cast<int32_t>(i) >> shift_;
    indices_ = hn::Load(di, indices);
  }

  /// `lane` is the first of the block; whole vectors of factors can be read.
  HWY_INLINE hn::Vec<FloatTag> of(const float* factors, int64_t lane) const {
    const FloatTag d;
    const float* first = factors + (lane >> shift_);
    if (!several_) return hn::Set(d, *first);
    return hn::TableLookupLanes(hn::LoadU(d, first), hn::IndicesFromVec(d, indices_));
  }

 private:
  int shift_;
  bool several_;
  hn::Vec<SumTag> indices_;
};

/// Rows of weights that are multiplied block by block: a block of x stays in registers for all of
/// them, and their sums stay in the first-level cache.
template <int kX>
constexpr int64_t kTileRows = std::min<int64_t>(16, 64 / kX);

/// The products of rows [w_row, w_row + rows) of the weights, at most kTileRows, with each row of
/// x; stored as by dense_dots.
template <class Values, int kX>
HWY_INLINE void integer_dots(const QuantizedMatrix& w, int64_t w_row, int64_t rows,
                             const IntegerX& x, const LaneFactors<Values::kBits>& lane_factors,
                             float* HWY_RESTRICT dots) {
  constexpr int64_t kParts = kWordColumns<Values::kBits>, kGroups = 16;
  constexpr int64_t kLanes = HWY_MAX_BYTES / sizeof(float);
  const FloatTag d;
  const SumTag di;
  const WordTag d16;
  const int64_t words_step = static_cast<int64_t>(hn::Lanes(d16));
  const int64_t groups = w.columns / w.group_size, row_words = w.columns / kParts;
  const int16_t* packed = reinterpret_cast<const int16_t*>(w.weight) + w_row * row_words;
  const int16_t* next = packed + rows * row_words;  // read ahead, in order
  const auto unit_of_rest = hn::Set(d, 1 / kRests);
  alignas(64) float sums[kTileRows<kX> * kX * kLanes];
  alignas(64) float scales[kTileRows<kX>][kGroups + kLanes];

  for (int64_t i = 0; i < rows * kX; ++i) hn::Store(hn::Zero(d), d, sums + i * kLanes);
  for (int64_t first = 0; first < groups; first += kGroups) {
    const int64_t count = std::min(kGroups, groups - first);
    for (int64_t r = 0; r < rows; ++r) {
      const auto keep = [&](int64_t i, FloatVec s, FloatVec b) HWY_ATTR {
        hn::Store(s, d, scales[r] + i);
        for (int64_t m = 0; m < kX; ++m) {
          float* sum = sums + (r * kX + m) * kLanes;
          const auto x_sums = hn::LoadU(d, x.sums + m * x.group_step + first + i);
          hn::Store(hn::MulAdd(b, x_sums, hn::Load(d, sum)), d, sum);
        }
      };
      if constexpr (Values::kBiased) {
        for_group_numbers(w, (w_row + r) * groups + first, count, keep);
      } else {
        for_group_scales(w, (w_row + r) * groups + first, count,
                         [&](int64_t i, FloatVec s) HWY_ATTR { hn::Store(s, d, scales[r] + i); });
      }
    }
    const int64_t begin = first * w.group_size / kParts;
    const int64_t end = begin + count * w.group_size / kParts;
    for_vectors(hn::Lanes(d16), begin, end, [&](int64_t word, auto part) HWY_ATTR {
      const int64_t lane = (word - begin) / 2;
      for (int64_t m = 0; m < kX; ++m) {
        const int16_t* xs = x.words + 2 * (m * x.columns + word * kParts);
        hn::Vec<WordTag> whole[kParts], rest[kParts];
        for (int64_t p = 0; p < kParts; ++p) {
          whole[p] = hn::LoadU(d16, xs + p * words_step);
          rest[p] = hn::LoadU(d16, xs + (kParts + p) * words_step);
        }
        const auto x_scale = lane_factors.of(x.scales + m * x.group_step + first, lane);
        for (int64_t r = 0; r < rows; ++r) {
          const int16_t* from = packed + r * row_words + word;
          if (m == 0) {
            hwy::Prefetch(next);
            next += words_step;
          }
          hn::Vec<WordTag> numbers[kParts];
          split_words(Values(), load_lanes(d16, from, part), numbers);
          auto low = hn::Zero(di), high = hn::Zero(di), rest_low = low, rest_high = high;
          for (int64_t p = 0; p < kParts; ++p) {
            low = hn::ReorderWidenMulAccumulate(di, numbers[p], whole[p], low, high);
            rest_low = hn::ReorderWidenMulAccumulate(di, numbers[p], rest[p], rest_low, rest_high);
          }
          const auto wholes = hn::ConvertTo(d, hn::RearrangeToOddPlusEven(low, high));
          const auto rests = hn::ConvertTo(d, hn::RearrangeToOddPlusEven(rest_low, rest_high));
          const auto products = hn::Mul(hn::MulAdd(rests, unit_of_rest, wholes), x_scale);
          float* sum = sums + (r * kX + m) * kLanes;
          const auto scale = lane_factors.of(scales[r], lane);
          hn::Store(hn::MulAdd(products, scale, hn::Load(d, sum)), d, sum);
        }
      }
    });
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t m = 0; m < kX; ++m) {
      dots[m * kDots + r] = sum_of(d, hn::Load(d, sums + (r * kX + m) * kLanes));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();
#endif

#endif
