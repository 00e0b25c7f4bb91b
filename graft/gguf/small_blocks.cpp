#include "graft/gguf/small_blocks.h"

#include <mlx/types/half_types.h>

#include <cstring>

#include "graft/gguf/k_blocks.h"

namespace graft::gguf {
namespace {

using SmallHalf = mlx::core::float16_t;

constexpr size_t kNibbles = kSmallBlock / 2;  // bytes of 32 elements of 4 bits

void put_f16(float value, char* data) {
  const SmallHalf half(value);
  std::memcpy(data, &half, sizeof half);
}

// Of scale and minimum.
size_t scale_bytes(io::GgufTensorType type) {
  return has_minimum(type) ? 2 * sizeof(SmallHalf) : sizeof(SmallHalf);
}

}  // namespace

bool has_minimum(io::GgufTensorType type) {
  return type == io::GgufTensorType::q4_1 || type == io::GgufTensorType::q5_1;
}

int bits_of(io::GgufTensorType type) {
  if (type == io::GgufTensorType::q8_0) return 8;
  return type == io::GgufTensorType::q5_0 || type == io::GgufTensorType::q5_1 ? 5 : 4;
}

int zero_of(io::GgufTensorType type) { return has_minimum(type) ? 0 : 1 << (bits_of(type) - 1); }

// After the scales: Q8_0 has signed bytes; the others four bytes of fifth bits, bit i that of
// element i, and nibbles, the lower ones those of the first 16 elements.
SmallBlock read_small_block(io::GgufTensorType type, const char* data) {
  SmallBlock block{.scale = f16_at(data)};
  if (has_minimum(type)) block.minimum = f16_at(data + sizeof(SmallHalf));
  const auto* stored = reinterpret_cast<const uint8_t*>(data + scale_bytes(type));
  if (bits_of(type) == 8) {
    for (size_t i = 0; i < kSmallBlock; ++i) block.q[i] = stored[i] ^ 0x80;
    return block;
  }
  uint32_t fifth = 0;
  if (bits_of(type) == 5) {
    std::memcpy(&fifth, stored, sizeof fifth);
    stored += sizeof fifth;
  }
  for (size_t i = 0; i < kNibbles; ++i) {
    block.q[i] = stored[i] & 15;
    block.q[i + kNibbles] = stored[i] >> 4;
  }
  for (size_t i = 0; i < kSmallBlock; ++i) {
    block.q[i] |= static_cast<uint8_t>((fifth >> i & 1) << 4);
  }
  return block;
}

void write_small_block(io::GgufTensorType type, const SmallBlock& block, char* data) {
  put_f16(block.scale, data);
  if (has_minimum(type)) put_f16(block.minimum, data + sizeof(SmallHalf));
  auto* out = reinterpret_cast<uint8_t*>(data + scale_bytes(type));
  if (bits_of(type) == 8) {
    for (size_t i = 0; i < kSmallBlock; ++i) out[i] = block.q[i] ^ 0x80;
    return;
  }
  if (bits_of(type) == 5) {
    uint32_t fifth = 0;
    for (size_t i = 0; i < kSmallBlock; ++i) {
      fifth |= static_cast<uint32_t>(block.q[i] >> 4) << i;
    }
    std::memcpy(out, &fifth, sizeof fifth);
    out += sizeof fifth;
  }
  for (size_t i = 0; i < kNibbles; ++i) {
    out[i] = static_cast<uint8_t>((block.q[i] & 15) | (block.q[i + kNibbles] & 15) << 4);
  }
}

}  // namespace graft::gguf
