// Unpacking of quantized values, 32 columns at a time. Included once per instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_UNPACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_UNPACK_INL_H_
#undef GRAFT_KERNELS_UNPACK_INL_H_
#else
#define GRAFT_KERNELS_UNPACK_INL_H_
#endif

#include <bit>
#include <cstdint>
#include <cstring>

#include "graft/kernels/quantized.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// How the bits of a stored value are read: as an integer, which a scale and a bias of its group
/// belong to, or as one of the numbers of small_floats.h, with a scale.
template <int bits>
struct Integers {
  static constexpr int kBits = bits;
  static constexpr bool kBiased = true;
};
struct E2m1 {
  static constexpr int kBits = 4;
  static constexpr bool kBiased = false;
};
struct E4m3 {
  static constexpr int kBits = 8;
  static constexpr bool kBiased = false;
};

/// Calls body(Integers<...>(), E2m1() or E4m3()). The body is a generic lambda marked HWY_ATTR.
template <class Body>
HWY_INLINE void with_values(const QuantizedMatrix& m, Body&& body) {
  if (!has_biases(m.mode)) return m.bits == 4 ? body(E2m1()) : body(E4m3());
  switch (m.bits) {
    case 2:
      return body(Integers<2>());
    case 3:
      return body(Integers<3>());
    case 4:
      return body(Integers<4>());
    case 5:
      return body(Integers<5>());
    case 6:
      return body(Integers<6>());
    case 8:
      return body(Integers<8>());
  }
}

static_assert(std::endian::native == std::endian::little, "quantized words are read as bytes");

/// Columns that are unpacked at once: a whole number of words for every number of bits.
constexpr int64_t kChunk = 32;

/// Where the values from `column` (a multiple of kChunk) of `row` begin, and where all end.
template <int kBits>
struct Packed {
  const uint8_t* at;
  const uint8_t* end;

  HWY_INLINE Packed(const QuantizedMatrix& m, int64_t row, int64_t column) {
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(m.weight);
    at = bytes + (row * m.columns + column) / 8 * kBits;
    end = bytes + m.rows * m.columns / 8 * kBits;
  }
  HWY_INLINE Packed(const uint8_t* begin, const uint8_t* past) : at(begin), end(past) {}
  HWY_INLINE void advance() { at += kChunk / 8 * kBits; }
};

#if HWY_TARGET != HWY_SCALAR
// For 2, 3, 5 and 6 bits: eight values lie in kBits bytes. Each 16-bit lane gets the two bytes in
// which its value begins and ends; a multiplication moves the value to the top of the lane, and a
// shift moves it down to the bottom.
template <int kBits>
struct UnpackTables {
  alignas(16) uint8_t bytes[16];
  alignas(16) uint16_t factors[8];

  constexpr UnpackTables() : bytes(), factors() {
    for (int i = 0; i < 8; ++i) {
      const int bit = i * kBits;
      bytes[2 * i] = static_cast<uint8_t>(bit / 8);
      bytes[2 * i + 1] = static_cast<uint8_t>(bit / 8 + 1);
      factors[i] = static_cast<uint16_t>(1u << (16 - kBits - bit % 8));
    }
  }
};
#endif

/// Unpacks kChunk values of 2 to 6 bits, one a byte.
template <int kBits>
HWY_INLINE void unpack(Packed<kBits> packed, uint8_t* HWY_RESTRICT values) {
#if HWY_TARGET == HWY_SCALAR
  for (int part = 0; part < 4; ++part) {
    uint64_t bits = 0;  // eight values are kBits bytes
    std::memcpy(&bits, packed.at + part * kBits, kBits);
    for (int i = 0; i < 8; ++i) {
      values[part * 8 + i] = static_cast<uint8_t>((bits >> (i * kBits)) & ((1u << kBits) - 1));
    }
  }
#else
  const hn::Full128<uint8_t> d8;
  const hn::Full128<uint16_t> d16;
  if constexpr (kBits == 4) {
    const auto bytes = hn::LoadU(d8, packed.at);
    const auto low_bits = hn::Set(d8, uint8_t{15});
    const auto low = hn::And(bytes, low_bits);
    const auto high =
        hn::And(hn::BitCast(d8, hn::ShiftRight<4>(hn::BitCast(d16, bytes))), low_bits);
    hn::Store(hn::InterleaveLower(d8, low, high), d8, values);
    hn::Store(hn::InterleaveUpper(d8, low, high), d8, values + 16);
  } else {
    static constexpr UnpackTables<kBits> kTables;
    const auto indices = hn::Load(d8, kTables.bytes);
    const auto factors = hn::Load(d16, kTables.factors);
    const auto pair = [&](const uint8_t* from) HWY_ATTR {
      const auto part = [&](const uint8_t* bytes) HWY_ATTR {
        const auto lanes = hn::BitCast(d16, hn::TableLookupBytes(hn::LoadU(d8, bytes), indices));
        return hn::BitCast(d8, hn::ShiftRight<16 - kBits>(hn::Mul(lanes, factors)));
      };
      return hn::ConcatEven(d8, part(from + kBits), part(from));
    };
    // Whole vectors are read: at the end of the matrix, from a copy.
    constexpr int kReach = 3 * kBits + 16;
    alignas(16) uint8_t copy[kReach];
    const uint8_t* from = packed.at;
    if (packed.end - from < kReach) {
      std::memcpy(copy, from, 4 * kBits);
      from = copy;
    }
    hn::Store(pair(from), d8, values);
    hn::Store(pair(from + 2 * kBits), d8, values + 16);
  }
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
