#pragma once

#include <cstddef>
#include <cstring>

namespace graft::gguf {

/// Four numbers at a time, as every processor of ours has them: the same bytes on each. A vector
/// extension of GCC and Clang.
using Lanes = float __attribute__((vector_size(16)));
inline constexpr size_t kLanes = 4;

inline Lanes lanes_at(const float* numbers) {
  Lanes lanes;
  std::memcpy(&lanes, numbers, sizeof lanes);
  return lanes;
}

inline Lanes all(float number) { return Lanes{number, number, number, number}; }

inline float sum(Lanes x) { return (x[0] + x[2]) + (x[1] + x[3]); }

/// The nearest whole numbers from `low` to `high`, which are whole and below 2^22; ties to even.
inline Lanes rounded(Lanes x, float low, float high) {
  constexpr float kShift = 12582912;  // 1.5 * 2^23: what is added to it loses its fraction
  x = x < all(low) ? all(low) : x;
  x = x > all(high) ? all(high) : x;
  return (x + all(kShift)) - all(kShift);
}

}  // namespace graft::gguf
