#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace graft::kernels {

/// How the numbers of a tensor are stored. Kernels load any of them, compute in f32, and store with
/// round to nearest, ties to even.
enum class ScalarType { f32, bf16, f16 };

inline size_t size_of(ScalarType type) { return type == ScalarType::f32 ? 4 : 2; }

/// The upper half of a float32: 8 exponent bits, 7 of mantissa.
struct bf16_t {
  uint16_t bits;
};

/// IEEE 754 binary16.
struct f16_t {
  uint16_t bits;
};

}  // namespace graft::kernels
