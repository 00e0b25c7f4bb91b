#pragma once

#include "graft/io/gguf_types.h"

namespace graft::convert {

/// The float16 that stands at `data`.
float f16_at(const char* data);

/// Elements of a block of the K types.
inline constexpr int kKBlock = 256;

/// The numbers of a block of Q4_K, Q5_K or Q6_K, computed in float32 as llama.cpp does: a scale and
/// a minimum of 6 bits for each 32 elements, times one of float16 for all; in Q6_K a scale of 8
/// bits for each 16. False, and nothing is written, where the block's own scales are not finite.
bool decode_k_block(io::GgufTensorType type, const char* block, float* numbers);

}  // namespace graft::convert
