#include "graft/gguf/file_type.h"

#include <gtest/gtest.h>

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;

Type type_of(const char* file, const std::string& name, int layer, const MixModel& model,
             bool is_head = false, int width = 2048) {
  return mixed_type(*file_type(file), {name, layer, width, is_head}, model);
}

// As llama_tensor_get_type_impl (llama-quant.cpp) has it for a Llama of 32 layers.
TEST(FileType, MixesGiveTheLayersThatNeedThemMoreBits) {
  const MixModel llama{.architecture = "llama", .layers = 32, .grouped_queries = true};
  std::string more;
  for (int layer = 0; layer < 32; ++layer) {
    const std::string name = "blk." + std::to_string(layer) + ".ffn_down.weight";
    more += type_of("q4_k_m", name, layer, llama) == Type::q6_k ? '6' : '4';
  }
  EXPECT_EQ(more, "66664464464464464464464464466666");
  EXPECT_EQ(type_of("q4_k_m", "blk.0.attn_v.weight", 0, llama), Type::q6_k);
  EXPECT_EQ(type_of("q4_k_m", "blk.4.attn_v.weight", 4, llama), Type::q4_k);
  EXPECT_EQ(type_of("q4_k_m", "blk.0.attn_q.weight", 0, llama), Type::q4_k);
  EXPECT_EQ(type_of("q5_k_m", "blk.31.attn_qkv.weight", 31, llama), Type::q6_k);
  EXPECT_EQ(type_of("q5_k_m", "blk.0.attn_output.weight", 0, llama), Type::q5_k);
  EXPECT_EQ(type_of("q4_k", "blk.0.ffn_down.weight", 0, llama), Type::q4_k);
}

TEST(FileType, HeadsGetSixBits) {
  const MixModel llama{.architecture = "llama", .layers = 32};
  EXPECT_EQ(type_of("q4_k_m", "output.weight", -1, llama, true), Type::q6_k);
  EXPECT_EQ(type_of("q4_0", "token_embd.weight", -1, llama, true), Type::q6_k);
  EXPECT_EQ(type_of("q8_0", "output.weight", -1, llama, true), Type::q8_0);
  EXPECT_EQ(type_of("q4_k_m", "token_embd.weight", -1, llama, true, 576), Type::q8_0);
  EXPECT_EQ(type_of("q4_k_m", "token_embd.weight", -1, llama), Type::q4_k);
  EXPECT_EQ(type_of("f16", "output.weight", -1, llama, true), Type::f16);
}

TEST(FileType, EightExpertsHaveSmallAttention) {
  const MixModel mixtral{.architecture = "llama", .layers = 32, .experts = 8};
  EXPECT_EQ(type_of("q4_k_m", "blk.9.attn_v.weight", 9, mixtral), Type::q8_0);
  EXPECT_EQ(type_of("q4_k_m", "blk.9.attn_k.weight", 9, mixtral), Type::q8_0);
  EXPECT_EQ(type_of("q4_k_m", "blk.9.attn_output.weight", 9, mixtral), Type::q5_k);
  EXPECT_EQ(type_of("q4_k_m", "blk.0.ffn_down_exps.weight", 0, mixtral), Type::q6_k);
}

TEST(FileType, RowsThatBlocksDoNotDivideFallBack) {
  EXPECT_EQ(fitting_type(Type::q4_k, 512), Type::q4_k);
  EXPECT_EQ(fitting_type(Type::q4_k, 576), Type::q5_0);
  EXPECT_EQ(fitting_type(Type::q5_k, 576), Type::q5_1);
  EXPECT_EQ(fitting_type(Type::q6_k, 576), Type::q8_0);
  EXPECT_EQ(fitting_type(Type::q4_k, 40), Type::f16);
  EXPECT_EQ(fitting_type(Type::q8_0, 40), Type::f16);
  EXPECT_EQ(fitting_type(Type::bf16, 40), Type::bf16);
}

TEST(FileType, NamesAreKnown) {
  EXPECT_EQ(file_type("q9"), nullptr);
  for (const std::string& name : file_type_names()) EXPECT_NE(file_type(name), nullptr);
  EXPECT_EQ(file_type("q4_k_m")->number, 15u);
  EXPECT_EQ(file_type_of(Type::q4_k).name, "q4_k");
}

}  // namespace
}  // namespace graft::gguf
