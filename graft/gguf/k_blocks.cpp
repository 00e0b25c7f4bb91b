#include "graft/gguf/k_blocks.h"

#include <mlx/types/half_types.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace graft::gguf {
namespace {

constexpr int kGroup = 32;                 // elements that share a scale and a minimum
constexpr int kGroups = kKBlock / kGroup;  // 8
constexpr int kScaleBytes = 12;            // 8 scales and 8 minima of 6 bits

// Scale and minimum of group i. In the first four groups each is in one byte; in the last four,
// four bits are in the last bytes, and the upper two above those of the first four.
struct ScaleMinimum {
  int scale, minimum;
};
ScaleMinimum scale_minimum(const uint8_t* packed, int i) {
  if (i < 4) return {packed[i] & 63, packed[i + 4] & 63};
  return {(packed[i + 4] & 15) | (packed[i - 4] >> 6 << 4),
          (packed[i + 4] >> 4) | (packed[i] >> 6 << 4)};
}

// Layout: d, dmin, scales[, high bits], nibbles. 64 elements are the lower halves of 32 bytes, then
// the upper halves.
void decode_q4_or_q5(const char* block, bool five_bits, float d, float d_min, float* numbers) {
  const auto* scales = reinterpret_cast<const uint8_t*>(block) + 4;
  const uint8_t* high = scales + kScaleBytes;
  const uint8_t* low = five_bits ? high + kGroup : high;
  for (int group = 0; group < kGroups; ++group) {
    const auto [scale, minimum] = scale_minimum(scales, group);
    const float s = d * static_cast<float>(scale), m = d_min * static_cast<float>(minimum);
    const uint8_t* bytes = low + group / 2 * kGroup;
    for (int i = 0; i < kGroup; ++i) {
      int q = group % 2 == 0 ? bytes[i] & 15 : bytes[i] >> 4;
      if (five_bits) q |= (high[i] >> group & 1) << 4;
      *numbers++ = s * static_cast<float>(q) - m;
    }
  }
}

// Lower nibbles of 256 elements, 2 upper bits of each, 16 signed scales, d.
void decode_q6(const char* block, float d, float* numbers) {
  const auto* low = reinterpret_cast<const uint8_t*>(block);
  const uint8_t* high = low + kKBlock / 2;
  const auto* scales = reinterpret_cast<const int8_t*>(high + kKBlock / 4);
  for (int group = 0; group < kGroups; ++group) {
    const int half = group / 4, quarter = group % 4;  // of 128 elements
    const uint8_t* nibbles = low + half * 64 + quarter % 2 * kGroup;
    const uint8_t* bits = high + half * kGroup;
    for (int i = 0; i < kGroup; ++i) {
      const int nibble = quarter < 2 ? nibbles[i] & 15 : nibbles[i] >> 4;
      const int q = (nibble | (bits[i] >> (2 * quarter) & 3) << 4) - 32;
      const float s = d * static_cast<float>(scales[group * 2 + i / 16]);
      *numbers++ = s * static_cast<float>(q);
    }
  }
}

}  // namespace

float f16_at(const char* data) {
  mlx::core::float16_t value;
  std::memcpy(&value, data, sizeof value);
  return static_cast<float>(value);
}

bool decode_k_block(io::GgufTensorType type, const char* block, float* numbers) {
  if (type == io::GgufTensorType::q6_k) {
    const float d = f16_at(block + io::block_of(type).bytes - sizeof(uint16_t));
    if (!std::isfinite(d)) return false;
    decode_q6(block, d, numbers);
    return true;
  }
  const float d = f16_at(block), d_min = f16_at(block + sizeof(uint16_t));
  if (!std::isfinite(d) || !std::isfinite(d_min)) return false;
  decode_q4_or_q5(block, type == io::GgufTensorType::q5_k, d, d_min, numbers);
  return true;
}

}  // namespace graft::gguf
