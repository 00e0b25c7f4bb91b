#include "graft/gguf/encode.h"

#include <mlx/types/half_types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "graft/base/error.h"
#include "graft/gguf/encode_k.h"
#include "graft/gguf/fit.h"
#include "graft/gguf/lanes.h"
#include "graft/gguf/small_blocks.h"

namespace graft::gguf {
namespace {

template <class Half>
void put_half(float value, std::byte* out) {
  const Half half(value);
  std::memcpy(out, &half, sizeof half);
}

float as_stored(float value) { return static_cast<float>(mlx::core::float16_t(value)); }

// As Q8_0's reference has it: no other scale holds the largest number as well.
SmallBlock eight_bits(std::span<const float> x) {
  float largest = 0;
  for (const float v : x) largest = std::max(largest, std::abs(v));
  SmallBlock block{.scale = largest / 127};
  const float inverse = block.scale > 0 ? 1 / block.scale : 0;
  for (size_t i = 0; i < kSmallBlock; ++i) {
    block.q[i] = static_cast<uint8_t>(128 + static_cast<int>(std::round(x[i] * inverse)));
  }
  return block;
}

// A block with scale and minimum as f16 holds them, and the sum of its squared errors.
struct Rounded {
  SmallBlock block;
  float error = 0;
};

// Numbers rounded to scale * (q - zero) + minimum.
Rounded rounded_to(std::span<const float> x, io::GgufTensorType type, float scale, float minimum) {
  Rounded result{{.scale = as_stored(scale), .minimum = as_stored(minimum)}};
  const SmallBlock& block = result.block;
  const auto zero = static_cast<float>(zero_of(type));
  const auto most = static_cast<float>((1 << bits_of(type)) - 1);
  const float inverse = block.scale == 0 ? 0 : 1 / block.scale;
  Lanes error = all(0);
  for (size_t i = 0; i < kSmallBlock; i += kLanes) {
    const Lanes numbers = lanes_at(&x[i]);
    const Lanes at = rounded((numbers - all(block.minimum)) * all(inverse), -zero, most - zero);
    const Lanes off = all(block.scale) * at + all(block.minimum) - numbers;
    error += off * off;
    for (size_t j = 0; j < kLanes; ++j) {
      result.block.q[i + j] = static_cast<uint8_t>(at[j] + zero);
    }
  }
  result.error = sum(error);
  return result;
}

SmallBlock better(const Rounded& a, const Rounded& b) {
  return b.error < a.error ? b.block : a.block;
}

// d (q - zero): Q4_0 and Q5_0. The largest number alone decides in the reference.
SmallBlock signed_block(std::span<const float> x, io::GgufTensorType type) {
  const float largest = *std::max_element(
      x.begin(), x.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  return better(rounded_to(x, type, largest / static_cast<float>(-zero_of(type)), 0),
                rounded_to(x, type, fit_signed(x, zero_of(type)).scale, 0));
}

// d q + m: Q4_1 and Q5_1. The range decides in the reference.
SmallBlock affine_small_block(std::span<const float> x, io::GgufTensorType type) {
  const int most = (1 << bits_of(type)) - 1;
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const AffineFit fit = fit_affine(x, most, false);
  return better(rounded_to(x, type, (*high - *low) / static_cast<float>(most), *low),
                rounded_to(x, type, fit.scale, fit.minimum));
}

SmallBlock small_block(io::GgufTensorType type, std::span<const float> x) {
  if (type == io::GgufTensorType::q8_0) return eight_bits(x);
  return has_minimum(type) ? affine_small_block(x, type) : signed_block(x, type);
}

void encode_block(io::GgufTensorType type, std::span<const float> x, std::byte* out) {
  switch (type) {
    case io::GgufTensorType::f32:
      std::memcpy(out, x.data(), sizeof(float));
      return;
    case io::GgufTensorType::f16:
      return put_half<mlx::core::float16_t>(x[0], out);
    case io::GgufTensorType::bf16:
      return put_half<mlx::core::bfloat16_t>(x[0], out);
    case io::GgufTensorType::q4_k:
      return encode_q4_k(x, out);
    case io::GgufTensorType::q5_k:
      return encode_q5_k(x, out);
    case io::GgufTensorType::q6_k:
      return encode_q6_k(x, out);
    default:
      return write_small_block(type, small_block(type, x), reinterpret_cast<char*>(out));
  }
}

constexpr float kMostF16 = 65504;

}  // namespace

void encode_blocks(io::GgufTensorType type, std::span<const float> numbers,
                   std::span<std::byte> blocks) {
  const io::GgufBlock block = io::block_of(type);
  if (numbers.size() % block.elements != 0 ||
      numbers.size() / block.elements * block.bytes != blocks.size()) {
    fail("internal: {} numbers are no {} bytes of {}", numbers.size(), blocks.size(),
         io::gguf_type_name(type));
  }
  const bool is_f16 = type == io::GgufTensorType::f16;
  for (const float number : numbers) {
    if (!std::isfinite(number)) fail("a number is NaN or infinite");
    if (is_f16 && std::abs(number) > kMostF16) fail("{} does not fit into F16", number);
    if (block.elements > 1 && std::abs(number) > kMostF16) {
      fail("{} is too large for the scales of {}", number, io::gguf_type_name(type));
    }
  }
  std::byte* out = blocks.data();
  for (size_t i = 0; i < numbers.size(); i += block.elements, out += block.bytes) {
    encode_block(type, numbers.subspan(i, block.elements), out);
  }
}

}  // namespace graft::gguf
