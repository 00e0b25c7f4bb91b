#pragma once

#include <array>
#include <cstdint>

#include "graft/io/gguf_types.h"

namespace graft::gguf {

/// Elements of a block of Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0 (ggml-common.h).
inline constexpr int kSmallBlock = 32;

/// Whether a block has a minimum beside its scale: Q4_1 and Q5_1.
bool has_minimum(io::GgufTensorType type);
/// Bits of a number of these types: 4, 5 or 8.
int bits_of(io::GgufTensorType type);
/// The unsigned number that stands for 0 where a block has no minimum: 8, 16 or 128; else 0.
int zero_of(io::GgufTensorType type);

/// A block's numbers are scale * (q - zero) + minimum.
struct SmallBlock {
  float scale = 0, minimum = 0;          // as float16 holds them
  std::array<uint8_t, kSmallBlock> q{};  // unsigned, Q8_0's with 128 added
};

SmallBlock read_small_block(io::GgufTensorType type, const char* data);
/// Scale and minimum are rounded to float16.
void write_small_block(io::GgufTensorType type, const SmallBlock& block, char* data);

}  // namespace graft::gguf
