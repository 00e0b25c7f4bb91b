#pragma once

#include <cstddef>
#include <span>

namespace graft::gguf {

/// A block of 256 numbers in the layouts of ggml-common.h: block_q4_K, block_q5_K, block_q6_K.
void encode_q4_k(std::span<const float> numbers, std::byte* out);
void encode_q5_k(std::span<const float> numbers, std::byte* out);
void encode_q6_k(std::span<const float> numbers, std::byte* out);

}  // namespace graft::gguf
