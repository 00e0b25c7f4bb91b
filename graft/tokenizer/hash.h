#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace graft::tokenizer {

/// The next power of two that is at least `least`.
inline size_t table_size(size_t least) {
  size_t size = 16;
  while (size < least) size *= 2;
  return size;
}

/// A number that differs between processes: the author of a vocabulary cannot choose words that
/// collide.
uint64_t hash_seed();

inline uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0x9FB21C651E98DF25u;
  return x ^ x >> 29;
}

inline uint64_t hash_bytes(std::string_view bytes, uint64_t seed) {
  const char* p = bytes.data();
  size_t n = bytes.size();
  uint64_t hash = seed ^ n * 0xC2B2AE3D27D4EB4Fu;
  uint64_t word = 0;
  for (; n > 8; p += 8, n -= 8) {
    std::memcpy(&word, p, 8);
    hash = mix(hash ^ word);
  }
  if (n >= 4) {
    uint32_t low, high;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + n - 4, 4);
    word = uint64_t{high} << 32 | low;
  } else if (n > 0) {
    auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
    word = byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
  }
  return mix(hash ^ word);
}

}  // namespace graft::tokenizer
