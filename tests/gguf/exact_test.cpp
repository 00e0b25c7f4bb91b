// Weights in MLX's groups as blocks that hold the same numbers.

#include "graft/gguf/exact.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include <vector>

#include "graft/gguf/decode.h"

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;
namespace mx = mlx::core;

ops::Weight quantized(int group, int bits, mx::Dtype dtype) {
  const mx::array weight = mx::random::normal({4, 256}, mx::float32, mx::random::key(3));
  const auto parts = mx::quantize(mx::astype(weight, dtype), group, bits);
  return {parts[0], parts[1], parts[2], bits, group};
}

void expect_same_numbers(Type type, const ops::Weight& weight) {
  const io::GgufBlock block = io::block_of(type);
  mx::array numbers = mx::contiguous(ops::dequantized(weight, mx::float32));
  numbers.eval();
  std::vector<std::byte> bytes(numbers.size() / block.elements * block.bytes);
  put_exactly(type, weight, bytes);
  for (size_t i = 0; i < numbers.size(); i += block.elements) {
    float decoded[256];
    ASSERT_TRUE(decode_block(
        type, reinterpret_cast<const char*>(&bytes[i / block.elements * block.bytes]), decoded));
    for (size_t j = 0; j < block.elements; ++j) {
      ASSERT_EQ(decoded[j], numbers.data<float>()[i + j]) << i + j;
    }
  }
}

TEST(Exact, GroupsOfUpToFiveBitsAreBlocksWithAMinimum) {
  for (const int bits : {2, 3, 4, 5}) {
    for (const int group : {32, 64, 128}) {
      const ops::Weight weight = quantized(group, bits, mx::float16);
      EXPECT_EQ(holds_exactly(Type::q4_1, weight), bits <= 4);
      EXPECT_TRUE(holds_exactly(Type::q5_1, weight));
      EXPECT_FALSE(holds_exactly(Type::q4_k, weight));
      expect_same_numbers(Type::q5_1, weight);
      if (bits <= 4) expect_same_numbers(Type::q4_1, weight);
    }
  }
}

TEST(Exact, SixAndEightBitsAreNone) {
  EXPECT_EQ(exact_type(quantized(64, 6, mx::float16)), std::nullopt);
  EXPECT_EQ(exact_type(quantized(64, 8, mx::float16)), std::nullopt);
}

// d (q - zero), as an import of Q4_0, Q5_0 or Q8_0 has it.
TEST(Exact, GroupsWithAZeroOnTheGridAreBlocksWithoutAMinimum) {
  struct Case {
    int bits;
    float zero;
    Type smallest;
  };
  for (const Case& one : {Case{4, 8, Type::q4_0}, Case{5, 16, Type::q5_0}, Case{8, 128, Type::q8_0},
                          Case{4, 3, Type::q4_1}}) {
    ops::Weight weight = quantized(32, one.bits, mx::float16);
    weight.biases = mx::multiply(*weight.scales, mx::array(-one.zero, mx::float16));
    EXPECT_EQ(exact_type(weight), one.smallest) << one.bits;
    expect_same_numbers(one.smallest, weight);
  }
}

TEST(Exact, ScalesBeyondFloat16AreNone) {
  ops::Weight weight = quantized(32, 4, mx::float32);
  EXPECT_EQ(exact_type(weight), std::nullopt);
  weight = quantized(32, 4, mx::bfloat16);
  EXPECT_EQ(exact_type(weight), Type::q4_1);
  weight.scales = mx::multiply(*weight.scales, mx::array(1e6f, mx::bfloat16));
  EXPECT_EQ(exact_type(weight), std::nullopt);
}

}  // namespace
}  // namespace graft::gguf
