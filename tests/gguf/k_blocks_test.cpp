#include "graft/gguf/k_blocks.h"

#include <gtest/gtest.h>
#include <mlx/types/half_types.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace graft::gguf {
namespace {

// A block with random fields, written as ggml-quants.c packs them, and its numbers.
struct Packed {
  std::string bytes;
  std::vector<float> numbers;
};

void put_f16(std::string& bytes, size_t at, float value) {
  const mlx::core::float16_t half(value);
  std::memcpy(bytes.data() + at, &half, sizeof half);
}

uint8_t& at(std::string& bytes, size_t i) { return reinterpret_cast<uint8_t&>(bytes[i]); }

Packed pack_q4_or_q5(io::GgufTensorType type, std::mt19937& random) {
  const bool five = type == io::GgufTensorType::q5_k;
  Packed result{std::string(io::block_of(type).bytes, '\0'), {}};
  std::string& b = result.bytes;
  const float d = 0.25f, d_min = 0.125f;
  put_f16(b, 0, d);
  put_f16(b, 2, d_min);
  uint8_t scales[8], minima[8];
  for (int g = 0; g < 8; ++g) {
    scales[g] = random() % 64;
    minima[g] = random() % 64;
  }
  for (size_t g = 0; g < 4; ++g) {
    at(b, 4 + g) = static_cast<uint8_t>(scales[g] | scales[g + 4] >> 4 << 6);
    at(b, 8 + g) = static_cast<uint8_t>(minima[g] | minima[g + 4] >> 4 << 6);
    at(b, 12 + g) = static_cast<uint8_t>((scales[g + 4] & 15) | (minima[g + 4] & 15) << 4);
  }
  for (size_t i = 0; i < 256; ++i) {
    const size_t g = i / 32;
    const uint8_t q = static_cast<uint8_t>(random() % (five ? 32 : 16));
    at(b, (five ? 48 : 16) + i / 64 * 32 + i % 32) |=
        static_cast<uint8_t>((q & 15) << (g % 2 == 0 ? 0 : 4));
    if (five) at(b, 16 + i % 32) |= static_cast<uint8_t>(q >> 4 << g);
    result.numbers.push_back(d * scales[g] * q - d_min * minima[g]);
  }
  return result;
}

Packed pack_q6(std::mt19937& random) {
  Packed result{std::string(210, '\0'), {}};
  std::string& b = result.bytes;
  put_f16(b, 208, 0.5f);
  for (size_t i = 0; i < 16; ++i) at(b, 192 + i) = static_cast<uint8_t>(random());
  for (size_t i = 0; i < 256; ++i) {
    const size_t half = i / 128, quarter = i % 128 / 32, lane = i % 32;
    const uint8_t q = random() % 64;
    at(b, half * 64 + quarter % 2 * 32 + lane) |=
        static_cast<uint8_t>((q & 15) << (quarter < 2 ? 0 : 4));
    at(b, 128 + half * 32 + lane) |= static_cast<uint8_t>(q >> 4 << (2 * quarter));
    const auto scale = static_cast<int8_t>(b[192 + i / 16]);
    result.numbers.push_back(0.5f * static_cast<float>(scale * (int{q} - 32)));
  }
  return result;
}

TEST(GgufKBlocks, AreWhatWasPacked) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    for (auto type :
         {io::GgufTensorType::q4_k, io::GgufTensorType::q5_k, io::GgufTensorType::q6_k}) {
      const Packed packed =
          type == io::GgufTensorType::q6_k ? pack_q6(random) : pack_q4_or_q5(type, random);
      std::vector<float> found(kKBlock);
      ASSERT_TRUE(decode_k_block(type, packed.bytes.data(), found.data()));
      EXPECT_EQ(found, packed.numbers) << io::gguf_type_name(type);
    }
  }
}

TEST(GgufKBlocks, ScalesThatAreNoNumbersAreRefused) {
  std::vector<float> numbers(kKBlock);
  for (auto type : {io::GgufTensorType::q4_k, io::GgufTensorType::q5_k, io::GgufTensorType::q6_k}) {
    std::string bytes(io::block_of(type).bytes, '\0');
    EXPECT_TRUE(decode_k_block(type, bytes.data(), numbers.data()));
    put_f16(bytes, type == io::GgufTensorType::q6_k ? 208 : 2, INFINITY);
    EXPECT_FALSE(decode_k_block(type, bytes.data(), numbers.data()));
  }
}

}  // namespace
}  // namespace graft::gguf
