#pragma once

#include <cstdint>
#include <string_view>

namespace graft {

inline constexpr uint64_t kFnv1aStart = 0xcbf29ce484222325u;

/// FNV-1a, 64 bits (Fowler, Noll, Vo). To hash a text piece by piece, pass the hash of the bytes so
/// far as `state`.
inline uint64_t fnv1a(std::string_view bytes, uint64_t state = kFnv1aStart) {
  for (const char byte : bytes) {
    state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  return state;
}

/// SplitMix64's step: consecutive numbers give numbers that look random (Steele, Lea and Flood
/// 2014).
inline uint64_t split_mix(uint64_t number) {
  uint64_t z = number + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace graft
