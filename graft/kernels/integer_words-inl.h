// Words of integers, pairs of 16-bit ones (vpdpwssd) or fours of 8-bit ones (vpdpbusd), and their
// dot products in a tile. Included only for HWY_AVX3, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_INTEGER_WORDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_INTEGER_WORDS_INL_H_
#undef GRAFT_KERNELS_INTEGER_WORDS_INL_H_
#else
#define GRAFT_KERNELS_INTEGER_WORDS_INL_H_
#endif

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "graft/kernels/panel_units.h"
#include "graft/kernels/unpack-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace integer_words {

using Word = uint32_t;

// The dot products are written as assembly because g++ 12, given the intrinsics, copies every sum
// from register to register; so their code needs no other instruction set than its surroundings.

/// x in 16 bits: of bf16 and f16 numbers nothing is lost but what lies 2^16 below a group's
/// largest.
struct Words16 {
  using X = int16_t;
  using Value = uint16_t;
  static constexpr int64_t kPack = 2;  ///< numbers of a word
  static constexpr float kLargest = 32767;
  static HWY_INLINE __m512i add_dot(__m512i x, __m512i values, __m512i sum) {
    asm("vpdpwssd %1, %2, %0" : "+v"(sum) : "v"(x), "v"(values));
    return sum;
  }
  /// kChunk values of 4 bits as numbers of a word.
  static HWY_INLINE void widen_nibbles(const uint8_t* nibbles, Value* to) {
    const __m512i bytes =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(nibbles)));
    const __m512i both = _mm512_or_si512(bytes, _mm512_slli_epi32(bytes, 12));
    _mm512_storeu_si512(to, _mm512_and_si512(both, _mm512_set1_epi32(0x000f000f)));
  }
  /// kChunk values, one a byte, as numbers of a word.
  static HWY_INLINE void widen(const uint8_t* bytes, Value* to) {
    _mm512_storeu_si512(
        to, _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))));
  }
};

/// x in 8 bits.
struct Words8 {
  using X = int8_t;
  using Value = uint8_t;
  static constexpr int64_t kPack = 4;
  static constexpr float kLargest = 127;
  static HWY_INLINE __m512i add_dot(__m512i x, __m512i values, __m512i sum) {
    asm("vpdpbusd %1, %2, %0" : "+v"(sum) : "v"(x), "v"(values));
    return sum;
  }
  static HWY_INLINE void widen_nibbles(const uint8_t* nibbles, Value* to) {
    const __m256i fours =
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(nibbles)));
    const __m256i bytes = _mm256_and_si256(_mm256_or_si256(fours, _mm256_slli_epi32(fours, 8)),
                                           _mm256_set1_epi32(0x00ff00ff));
    const __m256i values = _mm256_and_si256(_mm256_or_si256(bytes, _mm256_slli_epi32(bytes, 4)),
                                            _mm256_set1_epi32(0x0f0f0f0f));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), values);
  }
  static HWY_INLINE void widen(const uint8_t* bytes, Value* to) { std::memcpy(to, bytes, kChunk); }
};

/// Vectors per row of a tile: six rows' integers and sums, 24 registers, and the weights'.
constexpr int64_t kTileVectors = 2;
constexpr int64_t kLanes = 16;
constexpr int64_t kTile = kTileVectors * kLanes;

/// Words by which the panel is fetched into the first-level cache ahead of its use.
constexpr int64_t kAhead = 12;

/// Adds the products of `words` words of a block's rows, left [words, kStep], of which kRows count,
/// with those of a tile, right [words, kTile]. Both go on behind them.
template <class Words, int kStep, int kRows, int kVectors>
HWY_INLINE void add_dots(const Word*& left, const Word*& right, int64_t words,
                         __m512i (&dots)[kRows][kVectors]) {
  HWY_UNROLL(4)
  for (int64_t k = 0; k < words; ++k) {
    __m512i b[kVectors];
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) {
      b[v] = _mm512_loadu_si512(right + v * kLanes);
      hwy::Prefetch(right + v * kLanes + kAhead * kTile);
    }
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      const __m512i a = _mm512_set1_epi32(static_cast<int>(left[r]));
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) dots[r][v] = Words::add_dot(a, b[v], dots[r][v]);
    }
    left += kStep;
    right += kTile;
  }
}

template <int kRows, int kVectors>
HWY_INLINE void set_to_zero(__m512i (&dots)[kRows][kVectors]) {
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) dots[r][v] = _mm512_setzero_si512();
  }
}

}  // namespace integer_words
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
