#include "graft/gguf/encode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "graft/gguf/decode.h"
#include "tests/support/expect_error.h"

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;
using testing::expect_error;

std::vector<float> decoded(Type type, const std::vector<float>& numbers) {
  const io::GgufBlock block = io::block_of(type);
  std::vector<std::byte> bytes(numbers.size() / block.elements * block.bytes);
  encode_blocks(type, numbers, bytes);
  std::vector<float> back(numbers.size());
  for (size_t i = 0; i * block.elements < numbers.size(); ++i) {
    EXPECT_TRUE(decode_block(type, reinterpret_cast<const char*>(&bytes[i * block.bytes]),
                             &back[i * block.elements]));
  }
  return back;
}

double error_of(Type type, const std::vector<float>& numbers) {
  const std::vector<float> back = decoded(type, numbers);
  double sum = 0;
  for (size_t i = 0; i < back.size(); ++i) sum += std::pow(back[i] - numbers[i], 2);
  return std::sqrt(sum / static_cast<double>(back.size()));
}

// Root mean square errors of normal numbers with a deviation of 1, of which llama.cpp's own are
// (gguf_encoding.py): Q4_0 .088, Q4_1 .080, Q5_0 .043, Q5_1 .038, Q4_K .072, Q5_K .034, Q6_K .018.
TEST(Encode, LosesLittle) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(16 * 256);
  for (float& number : numbers) number = normal(random);
  const std::pair<Type, double> most[] = {
      {Type::f32, 0},      {Type::f16, 3e-4},   {Type::bf16, 3e-3},  {Type::q8_0, 0.0065},
      {Type::q4_0, 0.085}, {Type::q4_1, 0.075}, {Type::q5_0, 0.042}, {Type::q5_1, 0.036},
      {Type::q4_k, 0.073}, {Type::q5_k, 0.035}, {Type::q6_k, 0.018}};
  for (const auto& [type, error] : most) {
    EXPECT_LE(error_of(type, numbers), error) << io::gguf_type_name(type);
  }
}

TEST(Encode, NumbersOnTheGridOfABlockAreExact) {
  std::vector<float> numbers(256);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0.25f * static_cast<float>(i % 16) - 2;
  EXPECT_EQ(decoded(Type::q4_0, numbers), numbers);
  EXPECT_EQ(decoded(Type::q4_1, numbers), numbers);
}

TEST(Encode, ZerosAndConstantsAreKept) {
  for (const Type type : {Type::q4_0, Type::q4_1, Type::q5_0, Type::q5_1, Type::q8_0, Type::q4_k,
                          Type::q5_k, Type::q6_k}) {
    EXPECT_EQ(decoded(type, std::vector<float>(256, 0.0f)), std::vector<float>(256, 0.0f));
    EXPECT_LT(error_of(type, std::vector<float>(256, 0.5f)), 0.005) << io::gguf_type_name(type);
  }
}

TEST(Encode, NumbersThatATypeCannotHoldAreRefused) {
  std::vector<float> numbers(256, 1.0f);
  numbers[17] = std::numeric_limits<float>::quiet_NaN();
  expect_error([&] { decoded(Type::q4_k, numbers); }, "NaN");
  numbers[17] = 70000;
  expect_error([&] { decoded(Type::f16, numbers); }, "does not fit into F16");
  expect_error([&] { decoded(Type::q8_0, numbers); }, "too large");
  EXPECT_EQ(decoded(Type::bf16, numbers)[0], 1.0f);
}

}  // namespace
}  // namespace graft::gguf
