#include "graft/gguf/exact.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <mlx/types/half_types.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "graft/gguf/small_blocks.h"

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;
namespace mx = mlx::core;

bool is_f16(float value) {
  return std::isfinite(value) && static_cast<float>(mx::float16_t(value)) == value;
}

// Scales and biases of all groups, in f32.
struct Groups {
  mx::array scales, biases;

  explicit Groups(const ops::Weight& weight)
      : scales(mx::contiguous(mx::astype(*weight.scales, mx::float32))),
        biases(mx::contiguous(mx::astype(*weight.biases, mx::float32))) {
    mx::eval({scales, biases});
  }
};

// What is added to a number q of a group: 0, or, where blocks have no minimum, what makes `zero` of
// the group's own zero; nothing if the block cannot hold it.
std::optional<int> shift_of(Type type, int bits, float scale, float bias) {
  if (!is_f16(scale)) return {};
  if (has_minimum(type)) return is_f16(bias) ? std::optional(0) : std::nullopt;
  if (scale == 0) return bias == 0 ? std::optional(0) : std::nullopt;
  const float own_zero = -bias / scale;
  if (!(std::abs(own_zero) <= 256) || std::nearbyint(own_zero) != own_zero ||
      scale * -own_zero != bias) {
    return {};
  }
  const int shift = zero_of(type) - static_cast<int>(own_zero);
  const int most = (1 << bits) - 1, held = (1 << bits_of(type)) - 1;
  return shift >= 0 && most + shift <= held ? std::optional(shift) : std::nullopt;
}

bool has_affine_groups(const ops::Weight& weight) {
  return weight.quantized() && weight.biases.has_value() && weight.group_size % kSmallBlock == 0;
}

}  // namespace

bool holds_exactly(Type type, const ops::Weight& weight) {
  if (!has_affine_groups(weight) || io::block_of(type).elements != kSmallBlock) return false;
  if (weight.bits > bits_of(type)) return false;
  const Groups groups(weight);
  const float* scale = groups.scales.data<float>();
  const float* bias = groups.biases.data<float>();
  for (size_t i = 0; i < groups.scales.size(); ++i) {
    if (!shift_of(type, weight.bits, scale[i], bias[i])) return false;
  }
  return true;
}

std::optional<Type> exact_type(const ops::Weight& weight) {
  for (const Type type : {Type::q4_0, Type::q4_1, Type::q5_0, Type::q5_1, Type::q8_0}) {
    if (holds_exactly(type, weight)) return type;
  }
  return {};
}

void put_exactly(Type type, const ops::Weight& weight, std::span<std::byte> blocks) {
  const Groups groups(weight);
  mx::array packed = mx::contiguous(weight.weight);
  packed.eval();
  const uint32_t* words = packed.data<uint32_t>();
  const float* scale = groups.scales.data<float>();
  const float* bias = groups.biases.data<float>();
  const auto in_group = static_cast<size_t>(weight.group_size);
  const auto bits = static_cast<uint32_t>(weight.bits);
  const size_t count = groups.scales.size() * in_group, size = io::block_of(type).bytes;
  if (blocks.size() != count / kSmallBlock * size) throw std::logic_error("blocks of another size");
  auto* out = reinterpret_cast<char*>(blocks.data());
  for (size_t i = 0; i < count; i += kSmallBlock, out += size) {
    const size_t group = i / in_group;
    const int shift = shift_of(type, weight.bits, scale[group], bias[group]).value();
    SmallBlock block{.scale = scale[group], .minimum = bias[group]};
    // 32 numbers are `bits` whole words, the first in the lowest bits.
    const uint32_t* own = words + i / kSmallBlock * bits;
    for (uint32_t j = 0; j < kSmallBlock; ++j) {
      const uint32_t at = j * bits, word = at / 32, low = at % 32;
      uint64_t two = own[word];
      if (low + bits > 32) two |= static_cast<uint64_t>(own[word + 1]) << 32;
      const auto q = static_cast<int>(two >> low & ((1U << bits) - 1));
      block.q[j] = static_cast<uint8_t>(q + shift);
    }
    write_small_block(type, block, out);
  }
}

}  // namespace graft::gguf
