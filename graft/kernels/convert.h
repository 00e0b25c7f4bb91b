#pragma once

#include <bit>
#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

// Conversions of one number. To fewer bits: round to nearest, ties to even; overflow becomes an
// infinity; a NaN stays a quiet NaN with its sign and upper bits; denormals are kept. The vector
// code gives the same bits.

inline float float_from(float x) { return x; }

inline float float_from(bf16_t x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }

inline float float_from(f16_t x) {
  constexpr uint32_t kInfinity16 = 0x7c00, kQuiet = 0x00400000;
  uint32_t sign = (uint32_t{x.bits} & 0x8000u) << 16;
  uint32_t magnitude = uint32_t{x.bits} & 0x7fffu;
  uint32_t bits = magnitude << 13;
  if (magnitude >= kInfinity16) {
    bits |= 0x7f800000u | (magnitude > kInfinity16 ? kQuiet : 0u);
  } else {
    // The exponent's bias differs by 112; the product is exact, denormals included.
    bits = std::bit_cast<uint32_t>(std::bit_cast<float>(bits) * 0x1p112f);
  }
  return std::bit_cast<float>(bits | sign);
}

inline bf16_t bf16_from(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x0040u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

inline f16_t f16_from(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  uint32_t sign = (bits >> 16) & 0x8000u;
  uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | ((magnitude >> 13) & 0x03ffu);
  } else if (magnitude >= 0x47800000u) {  // 65536
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // 2^-14: below it the sum's last bit is worth 2^-24
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0x0fffu + ((magnitude >> 13) & 1u)) >> 13;
  }
  return {static_cast<uint16_t>(half | sign)};
}

/// A float as T: float, bf16_t or f16_t.
template <class T>
T scalar_from(float x);
template <>
inline float scalar_from<float>(float x) {
  return x;
}
template <>
inline bf16_t scalar_from<bf16_t>(float x) {
  return bf16_from(x);
}
template <>
inline f16_t scalar_from<f16_t>(float x) {
  return f16_from(x);
}

/// Converts `count` numbers. `in` and `out` may be the same if the types have the same size;
/// otherwise they must not overlap.
void convert(ScalarType in_type, const void* in, ScalarType out_type, void* out, int64_t count);

/// Element `i` of an array of numbers stored as `type`; for single elements and tests.
inline float load_scalar(ScalarType type, const void* data, int64_t i) {
  switch (type) {
    case ScalarType::f32:
      return static_cast<const float*>(data)[i];
    case ScalarType::bf16:
      return float_from(static_cast<const bf16_t*>(data)[i]);
    case ScalarType::f16:
      return float_from(static_cast<const f16_t*>(data)[i]);
  }
  return 0.0f;
}

inline void store_scalar(ScalarType type, void* data, int64_t i, float x) {
  switch (type) {
    case ScalarType::f32:
      static_cast<float*>(data)[i] = x;
      return;
    case ScalarType::bf16:
      static_cast<bf16_t*>(data)[i] = bf16_from(x);
      return;
    case ScalarType::f16:
      static_cast<f16_t*>(data)[i] = f16_from(x);
      return;
  }
}

}  // namespace graft::kernels
