#include "graft/gguf/small_blocks.h"

#include <gtest/gtest.h>

#include <string>

#include "graft/gguf/decode.h"

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;

TEST(SmallBlocks, ComeBackAsTheyWereWritten) {
  for (const Type type : {Type::q4_0, Type::q4_1, Type::q5_0, Type::q5_1, Type::q8_0}) {
    SmallBlock block{.scale = 0.5f, .minimum = has_minimum(type) ? -3.25f : 0};
    for (size_t i = 0; i < block.q.size(); ++i) {
      block.q[i] = static_cast<uint8_t>((37 * i + 5) % (1U << bits_of(type)));
    }
    std::string bytes(io::block_of(type).bytes, '\xff');
    write_small_block(type, block, bytes.data());
    const SmallBlock back = read_small_block(type, bytes.data());
    EXPECT_EQ(back.scale, block.scale);
    EXPECT_EQ(back.minimum, block.minimum);
    EXPECT_EQ(back.q, block.q) << io::gguf_type_name(type);
    float numbers[kSmallBlock];
    ASSERT_TRUE(decode_block(type, bytes.data(), numbers));
    for (size_t i = 0; i < block.q.size(); ++i) {
      const auto q = static_cast<float>(block.q[i] - zero_of(type));
      EXPECT_EQ(numbers[i], block.scale * q + block.minimum);
    }
  }
}

TEST(SmallBlocks, WithAScaleThatIsNotFiniteAreNotDecoded) {
  std::string bytes(io::block_of(Type::q4_0).bytes, '\0');
  bytes[1] = '\x7c';  // infinity
  float numbers[kSmallBlock];
  EXPECT_FALSE(decode_block(Type::q4_0, bytes.data(), numbers));
}

}  // namespace
}  // namespace graft::gguf
