// The two kinds of pairs of 16-bit numbers that AVX-512 has dot products of, and how weights of 4
// and 8 bits become them. Included only for HWY_AVX3, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_PAIRS_INL_H_
#undef GRAFT_KERNELS_PAIRS_INL_H_
#else
#define GRAFT_KERNELS_PAIRS_INL_H_
#endif

#include <immintrin.h>

#include <cstdint>

#include "graft/kernels/small_floats-inl.h"
#include "graft/kernels/unpack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace matvec_pairs {

constexpr int64_t kLanes = 16;  // words of a vector: pairs of numbers, or sums

// A block is a vector of weights: 128 columns of 4 bits, or 64 of 8.
template <int kBits>
constexpr int64_t kBlockColumns = 512 / kBits;

// Vectors of pairs of x that meet a block.
template <int kBits>
constexpr int kPairs = kBits == 4 ? 4 : 2;

// The columns of a lane, which all lie in one group.
template <int kBits>
constexpr int64_t kLaneColumns = kBlockColumns<kBits> / kLanes;

// The dot products are assembly, so that their code needs no other instruction set than its
// surroundings; which processors have them, the caller knows.

// Pairs of bf16.
struct Bf16Pairs {
  static constexpr bool kScaled = false;  // whether x has scales
  using Sums = __m512;
  static HWY_INLINE Sums none() { return _mm512_setzero_ps(); }
  static HWY_INLINE Sums add_dot(Sums sums, __m512i weights, __m512i x) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(x));
    return sums;
  }
  static HWY_INLINE __m512 numbers(Sums sums) { return sums; }
  static uint16_t integer(int value) { return bf16_bits(static_cast<float>(value)); }
  static uint16_t small_float(float value) { return bf16_bits(value); }
};

// Pairs of integers.
struct IntegerPairs {
  static constexpr bool kScaled = true;
  static constexpr float kLargest = 32767;
  using Sums = __m512i;
  static HWY_INLINE Sums none() { return _mm512_setzero_si512(); }
  static HWY_INLINE Sums add_dot(Sums sums, __m512i weights, __m512i x) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(x));
    return sums;
  }
  static HWY_INLINE __m512 numbers(Sums sums) { return _mm512_cvtepi32_ps(sums); }
  static constexpr float kUnits = 2;  // that make 1, of the numbers of E2M1
  static uint16_t integer(int value) { return static_cast<uint16_t>(value); }
  static uint16_t small_float(float value) {
    return static_cast<uint16_t>(static_cast<int16_t>(value * kUnits));
  }
};

// Turns a block of weights into 16-bit numbers, to meet the pairs of x.
template <class Pairs, class Values>
class Unpacker;

// For 4 bits the sixteen numbers, twice: an index is 5 bits, of which the highest makes no
// difference.
template <class Pairs, class Values>
class NibbleUnpacker {
 public:
  HWY_INLINE NibbleUnpacker() {
    alignas(64) uint16_t table[32];
    for (int i = 0; i < 32; ++i) {
      table[i] = Values::kBiased ? Pairs::integer(i % 16) : Pairs::small_float(kE2m1[i % 16]);
    }
    table_ = _mm512_load_si512(table);
  }

  HWY_INLINE void unpack(__m512i words, __m512i (&pairs)[4]) const {
    pairs[0] = _mm512_permutexvar_epi16(words, table_);
    pairs[1] = _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 4), table_);
    pairs[2] = _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 8), table_);
    pairs[3] = _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 12), table_);
  }

 private:
  __m512i table_;
};
// (A constructor that the compiler adds would be for another instruction set.)
template <class Pairs>
class Unpacker<Pairs, Integers<4>> : public NibbleUnpacker<Pairs, Integers<4>> {
 public:
  HWY_INLINE Unpacker() {}
};
template <class Pairs>
class Unpacker<Pairs, E2m1> : public NibbleUnpacker<Pairs, E2m1> {
 public:
  HWY_INLINE Unpacker() {}
};

// Bytes i and i + 1 of each 32 bits, in 16 bits each.
HWY_INLINE __m512i two_bytes(__m512i words, int i) {
  const int first = i + static_cast<int>(0x80008000u) + (1 << 16) * (i + 1);
  const __m512i lanes = _mm512_set4_epi32(0x000c000c, 0x00080008, 0x00040004, 0);
  return _mm512_shuffle_epi8(words, _mm512_add_epi32(lanes, _mm512_set1_epi32(first)));
}

template <>
class Unpacker<IntegerPairs, Integers<8>> {
 public:
  HWY_INLINE Unpacker() {}

  HWY_INLINE void unpack(__m512i words, __m512i (&pairs)[2]) const {
    pairs[0] = two_bytes(words, 0);
    pairs[1] = two_bytes(words, 2);
  }
};

template <>
class Unpacker<Bf16Pairs, E4m3> {
 public:
  HWY_INLINE Unpacker() {}

  HWY_INLINE void unpack(__m512i words, __m512i (&pairs)[2]) const {
    pairs[0] = table_.of(two_bytes(words, 0));
    pairs[1] = table_.of(two_bytes(words, 2));
  }

 private:
  E4m3Table table_;
};

}  // namespace matvec_pairs
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
