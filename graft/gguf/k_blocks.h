#pragma once

#include "graft/io/gguf_types.h"

namespace graft::gguf {

/// The float16 that stands at `data`.
float f16_at(const char* data);

/// Elements of a block of the K types.
inline constexpr int kKBlock = 256;

/// The numbers of a block of Q4_K, Q5_K or Q6_K, computed in float32 as in llama.cpp: each 32
/// elements have a 6-bit scale and minimum, which are multiplied by the block's float16 ones; in
/// Q6_K each 16 have an 8-bit scale. Returns false and writes nothing if the block's own scales are
/// not finite.
bool decode_k_block(io::GgufTensorType type, const char* block, float* numbers);

}  // namespace graft::gguf
