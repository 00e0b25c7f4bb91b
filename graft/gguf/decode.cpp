#include "graft/gguf/decode.h"

#include <mlx/types/half_types.h>

#include <cmath>
#include <cstring>

#include "graft/gguf/k_blocks.h"
#include "graft/gguf/small_blocks.h"

namespace graft::gguf {
namespace {

bool decode_small_block(io::GgufTensorType type, const char* data, float* numbers) {
  const SmallBlock block = read_small_block(type, data);
  if (!std::isfinite(block.scale) || !std::isfinite(block.minimum)) return false;
  const auto zero = static_cast<float>(zero_of(type));
  for (const uint8_t q : block.q) {
    const float value = block.scale * (static_cast<float>(q) - zero);
    // A sum with 0 would lose the sign of -0.
    *numbers++ = has_minimum(type) ? value + block.minimum : value;
  }
  return true;
}

}  // namespace

bool decode_block(io::GgufTensorType type, const char* block, float* numbers) {
  switch (type) {
    case io::GgufTensorType::f32:
      std::memcpy(numbers, block, sizeof(float));
      return true;
    case io::GgufTensorType::f16:
      *numbers = f16_at(block);
      return true;
    case io::GgufTensorType::bf16: {
      mlx::core::bfloat16_t value;
      std::memcpy(&value, block, sizeof value);
      *numbers = static_cast<float>(value);
      return true;
    }
    case io::GgufTensorType::q4_k:
    case io::GgufTensorType::q5_k:
    case io::GgufTensorType::q6_k:
      return decode_k_block(type, block, numbers);
    default:
      return decode_small_block(type, block, numbers);
  }
}

}  // namespace graft::gguf
