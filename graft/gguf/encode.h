#pragma once

#include <cstddef>
#include <span>

#include "graft/io/gguf_types.h"

namespace graft::gguf {

/// Writes numbers as the blocks of a type (ggml-common.h), whole ones. Quantized types take the
/// scales with the smallest sum of squared errors among those that are tried, the reference's
/// (ggml-quants.c, *_ref) with them: a block is never worse than llama.cpp's by that measure.
/// Throws Error for a number that the type cannot hold: NaN, infinite, or a scale beyond f16.
void encode_blocks(io::GgufTensorType type, std::span<const float> numbers,
                   std::span<std::byte> blocks);

}  // namespace graft::gguf
