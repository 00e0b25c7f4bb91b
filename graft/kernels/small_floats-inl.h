// Dequantization of modes mxfp4, mxfp8 and nvfp4: numbers of few bits with a scale of 8 bits for a
// group. Included once per instruction set, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_SMALL_FLOATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_SMALL_FLOATS_INL_H_
#undef GRAFT_KERNELS_SMALL_FLOATS_INL_H_
#else
#define GRAFT_KERNELS_SMALL_FLOATS_INL_H_
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "graft/kernels/operands.h"
#include "graft/kernels/small_floats.h"
#include "graft/kernels/unpack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// The numbers of E4M3 that bytes, one a lane, stand for.
template <class D>
HWY_INLINE hn::Vec<D> e4m3_numbers(D d, hn::Vec<hn::RebindToUnsigned<D>> bytes) {
  const hn::RebindToUnsigned<D> du;
  const auto all_ones = hn::Set(du, 0x7fu);
  const auto magnitude = hn::And(bytes, all_ones);
  const auto number = hn::Mul(hn::BitCast(d, hn::ShiftLeft<20>(magnitude)), hn::Set(d, 0x1p120f));
  const auto sign = hn::ShiftLeft<24>(hn::Xor(bytes, magnitude));
  const auto known = hn::IfThenElse(hn::Eq(magnitude, all_ones), hn::Set(du, 0x7fc00000u),
                                    hn::BitCast(du, number));
  return hn::BitCast(d, hn::Or(known, sign));
}

/// 2^(byte - 127).
template <class D>
HWY_INLINE hn::Vec<D> e8m0_numbers(D d, hn::Vec<hn::RebindToUnsigned<D>> bytes) {
  const hn::RebindToUnsigned<D> du;
  const auto least = hn::Eq(bytes, hn::Zero(du));
  return hn::BitCast(d, hn::IfThenElse(least, hn::Set(du, 0x00400000u), hn::ShiftLeft<23>(bytes)));
}

/// for_group_scales with `numbers(codes)`, which says what bytes, widened to 32 bits, stand for.
template <class Numbers, class Keep>
HWY_INLINE void for_scale_bytes(const QuantizedMatrix& m, int64_t first, int64_t count,
                                const Numbers& numbers, const Keep& keep) {
  const FloatTag d;
  const hn::RebindToUnsigned<FloatTag> du;
  const hn::Rebind<uint8_t, FloatTag> d8;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  const int64_t after = m.rows * (m.columns / m.group_size) - first;  // groups from `first` on
  const uint8_t* bytes = static_cast<const uint8_t*>(m.scales) + first;
  int64_t i = 0;
  for (; i + step <= count; i += step) {
    keep(i, numbers(hn::PromoteTo(du, hn::LoadU(d8, bytes + i))));
  }
  if (i == count) return;
  // Loading part of a vector is slow: if enough groups follow, a whole vector is loaded.
  alignas(16) uint8_t part[kMaxLanes] = {};
  const uint8_t* from = bytes + i;
  if (i + step > after) {
    std::memcpy(part, from, static_cast<size_t>(count - i));
    from = part;
  }
  const auto wanted = hn::FirstN(d, static_cast<size_t>(count - i));
  keep(i, hn::IfThenElseZero(wanted, numbers(hn::PromoteTo(du, hn::LoadU(d8, from)))));
}

/// Calls keep(i, scales) with the f32 vectors of groups [first + i, ...), one whole vector after
/// another until [first, first + count) is covered; lanes beyond that are zero.
template <class Keep>
HWY_INLINE void for_group_scales(const QuantizedMatrix& m, int64_t first, int64_t count,
                                 const Keep& keep) {
  const FloatTag d;
  using Codes = hn::Vec<hn::RebindToUnsigned<FloatTag>>;
  if (m.mode == QuantizationMode::nvfp4) {
    for_scale_bytes(
        m, first, count, [&](Codes codes) HWY_ATTR { return e4m3_numbers(d, codes); }, keep);
  } else {
    for_scale_bytes(
        m, first, count, [&](Codes codes) HWY_ATTR { return e8m0_numbers(d, codes); }, keep);
  }
}

/// Twice the numbers of E2M1.
alignas(16) inline constexpr int8_t kTwiceE2m1[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                      0, -1, -2, -3, -4, -6, -8, -12};

#if HWY_TARGET <= HWY_AVX3
constexpr uint16_t bf16_bits(float number) {  // of one that is a bf16
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(number) >> 16);
}

/// The numbers of E4M3 as bf16.
class E4m3Table {
 public:
  HWY_INLINE E4m3Table() {
    for (int i = 0; i < 4; ++i) parts_[i] = _mm512_load_si512(kNumbers.data() + 32 * i);
  }

  /// Of 16-bit words that hold a byte.
  HWY_INLINE __m512i of(__m512i words) const {
    const __m512i small = _mm512_permutex2var_epi16(parts_[0], words, parts_[1]);
    const __m512i large = _mm512_permutex2var_epi16(parts_[2], words, parts_[3]);
    const __mmask32 is_large = _mm512_test_epi16_mask(words, _mm512_set1_epi16(0x40));
    const __m512i magnitude = _mm512_mask_mov_epi16(small, is_large, large);
    // magnitude | (words << 8 & sign)
    return _mm512_ternarylogic_epi32(magnitude, _mm512_slli_epi16(words, 8),
                                     _mm512_set1_epi16(static_cast<int16_t>(0x8000)), 0xf8);
  }

 private:
  // Without signs.
  alignas(64) static constexpr std::array<uint16_t, 128> kNumbers = [] {
    std::array<uint16_t, 128> numbers{};
    for (size_t i = 0; i < 128; ++i) numbers[i] = bf16_bits(e4m3_value(static_cast<uint8_t>(i)));
    return numbers;
  }();

  __m512i parts_[4];
};
#endif

/// Writes the kChunk numbers at `packed` (of whose bytes 16 or 32 are there), the first half times
/// `first`, the other times `second`.
template <class Out>
HWY_INLINE void write_chunk(E2m1, const uint8_t* packed, float first, float second,
                            Out* HWY_RESTRICT out) {
  const FloatTag d;
#if HWY_TARGET <= HWY_AVX3
  const __m512 numbers = _mm512_loadu_ps(kE2m1);
  if constexpr (std::is_same_v<Out, bf16_t>) {
    // The upper halves of the products, which are bf16: those with `first`, then those with
    // `second`.
    alignas(64) static constexpr uint16_t kOdd[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                      23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                                      45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    const auto scaled = [&](float scale) HWY_ATTR {
      return _mm512_castps_si512(_mm512_mul_ps(numbers, _mm512_set1_ps(scale)));
    };
    const __m512i table =
        _mm512_permutex2var_epi16(scaled(first), _mm512_load_si512(kOdd), scaled(second));
    // A byte's low nibble indexes an even column, its high one the odd column after it.
    const __m512i bytes =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(packed)));
    const __m512i nibbles = _mm512_or_si512(bytes, _mm512_slli_epi32(bytes, 12));
    const __m512i half = _mm512_maskz_set1_epi32(0xff00, 0x00100010);
    const __m512i indices = _mm512_ternarylogic_epi32(nibbles, _mm512_set1_epi32(0x000f000f), half,
                                                      0xea);  // nibbles & 15 | half
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(indices, table));
    return;
  }
#endif
  alignas(32) uint8_t codes[kChunk];
  unpack<4>(Packed<4>(packed, packed + kChunk / 2), codes);
#if HWY_TARGET == HWY_SCALAR
  for (int64_t i = 0; i < kChunk; ++i) {
    store(d, hn::Set(d, kE2m1[codes[i]] * (i < kChunk / 2 ? first : second)), out + i);
  }
#elif HWY_TARGET <= HWY_AVX3
  for (int64_t i = 0; i < kChunk; i += 16) {
    const __m512i at =
        _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(codes + i)));
    const __m512 found = _mm512_permutexvar_ps(at, numbers);
    store(d, FloatVec{_mm512_mul_ps(found, _mm512_set1_ps(i == 0 ? first : second))}, out + i);
  }
#else
  const hn::Full128<int8_t> d8;
  const hn::RebindToSigned<FloatTag> di;
  const auto table = hn::Load(d8, kTwiceE2m1);
  alignas(32) int8_t twice[kChunk];
  for (int64_t i = 0; i < kChunk; i += 16) {
    const auto at = hn::Load(d8, reinterpret_cast<const int8_t*>(codes) + i);
    hn::Store(hn::TableLookupBytes(table, at), d8, twice + i);
  }
  const auto half_first = hn::Set(d, first / 2), half_second = hn::Set(d, second / 2);
  for (int64_t i = 0; i < kChunk; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto whole = hn::PromoteTo(di, hn::LoadU(hn::Rebind<int8_t, FloatTag>(), twice + i));
    store(d, hn::Mul(hn::ConvertTo(d, whole), i < kChunk / 2 ? half_first : half_second), out + i);
  }
#endif
}

template <class Out>
HWY_INLINE void write_chunk(E4m3, const uint8_t* packed, float scale, float,
                            Out* HWY_RESTRICT out) {
#if HWY_TARGET <= HWY_AVX3
  if constexpr (std::is_same_v<Out, bf16_t>) {
    const E4m3Table table;
    const __m512i numbers = table.of(
        _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed))));
    // As f32, those of even and of odd columns; the upper halves of the products are bf16.
    const __m512 scales = _mm512_set1_ps(scale);
    const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    const __m512 even = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(numbers, 16)), scales);
    const __m512 odd = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(numbers, upper)), scales);
    _mm512_storeu_si512(out, _mm512_mask_mov_epi16(_mm512_srli_epi32(_mm512_castps_si512(even), 16),
                                                   0xaaaaaaaau, _mm512_castps_si512(odd)));
    return;
  }
#endif
  const FloatTag d;
  const hn::RebindToUnsigned<FloatTag> du;
  const hn::Rebind<uint8_t, FloatTag> d8;
  for (int64_t i = 0; i < kChunk; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto numbers = e4m3_numbers(d, hn::PromoteTo(du, hn::LoadU(d8, packed + i)));
    store(d, hn::Mul(numbers, hn::Set(d, scale)), out + i);
  }
}

/// Dequantizes columns [begin, end) of a row, both multiples of kChunk unless `end` is the last.
template <class Values, class Out>
HWY_INLINE void dequantize_small_floats(const QuantizedMatrix& m, int64_t row, int64_t begin,
                                        int64_t end, Out* HWY_RESTRICT out) {
  constexpr int64_t kMost = 64;  // groups whose scales are decoded together
  const int shift = std::countr_zero(static_cast<unsigned>(m.group_size));
  const int64_t second = kChunk >> shift > 1 ? 1 : 0;  // the group of a chunk's other half
  const int64_t first_group = row * (m.columns >> shift);
  alignas(64) float scales[kMost + kMaxLanes];
  Packed<Values::kBits> packed(m, row, begin);
  for (int64_t column = begin; column < end;) {
    const int64_t group = column >> shift, count = std::min(kMost, (end - column) >> shift);
    for_group_scales(m, first_group + group, count,
                     [&](int64_t i, FloatVec s) HWY_ATTR { hn::Store(s, FloatTag(), scales + i); });
    const int64_t until = column + (count << shift);
    const float* scale = scales;
    for (; column + kChunk <= until; column += kChunk) {
      write_chunk(Values(), packed.at, scale[0], scale[second], out);
      scale += 1 + second;
      packed.advance();
      out += kChunk;
    }
    if (column < until) {  // half a chunk at the end of a row
      constexpr size_t kBytes = kChunk / 8 * Values::kBits;
      uint8_t bytes[kBytes] = {};
      alignas(64) Out numbers[kChunk];
      std::memcpy(bytes, packed.at, kBytes / 2);
      write_chunk(Values(), bytes, scale[0], 0.0f, numbers);
      std::copy(numbers, numbers + kChunk / 2, out);
      column = until;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
