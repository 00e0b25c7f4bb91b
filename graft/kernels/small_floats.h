#pragma once

#include <bit>
#include <cstdint>
#include <limits>

// The floating-point numbers of few bits that MLX's modes mxfp4, mxfp8 and nvfp4 store (OCP
// Microscaling Formats 1.0, section 5.3), one at a time. Every number of E2M1 and E4M3, and its
// product with a scale that is neither too large nor too small, is one of bf16.
namespace graft::kernels {

/// The sixteen numbers of E2M1, by their 4 bits: a sign, 2 bits of exponent, 1 of mantissa.
inline constexpr float kE2m1[16] = {0,     0.5f,  1,  1.5f,  2,  3,  4,  6,
                                    -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};

/// Of a byte with a sign, 4 bits of exponent and 3 of mantissa. There are no infinities; all ones
/// are NaN.
constexpr float e4m3_value(uint8_t bits) {
  const uint32_t magnitude = bits & 0x7fu, sign = (bits & 0x80u) << 24;
  if (magnitude == 0x7f) return std::numeric_limits<float>::quiet_NaN();
  // With the exponent's bias of 7 instead of 127; the product is exact, denormals included.
  const float value = std::bit_cast<float>(magnitude << 20) * 0x1p120f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}

/// 2^(bits - 127), as MLX has it: 255 is infinity.
constexpr float e8m0_value(uint8_t bits) {
  return std::bit_cast<float>(bits == 0 ? 0x00400000u : uint32_t{bits} << 23);
}

}  // namespace graft::kernels
