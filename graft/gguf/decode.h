#pragma once

#include "graft/io/gguf_types.h"

namespace graft::gguf {

/// The numbers of one block of a type, computed in float32 as in llama.cpp; a block of F32, F16 or
/// BF16 is one number. Returns false and writes nothing if a scale of the block is not finite.
bool decode_block(io::GgufTensorType type, const char* block, float* numbers);

}  // namespace graft::gguf
