// Adapters of llama.cpp: what its converter writes, and what is refused.

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "graft/io/gguf.h"
#include "graft/io/gguf_writer.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/difference.h"
#include "graft/lora/merge.h"
#include "graft/models/gguf_names.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::expect_error;
using testing::TempFolder;

constexpr int kWidth = 8, kHeads = 2, kHeadDim = 4;

// What a file says, and what is in it; rows of q that count up.
struct Given {
  std::string type = "adapter", kind = "lora", architecture = "llama", name = "blk.0.attn_q.weight";
  float alpha = 6;
  io::GgufTensorType stored = io::GgufTensorType::f32;
};

fs::path write_foreign(const TempFolder& folder, const Given& given) {
  const fs::path path = folder / "foreign.gguf";
  io::GgufWriter writer(path);
  writer.set("general.type", given.type);
  writer.set("general.architecture", given.architecture);
  writer.set("adapter.type", given.kind);
  writer.set("adapter.lora.alpha", given.alpha);
  std::vector<float> a(2 * kWidth, 1), b;
  for (int row = 0; row < kHeads * kHeadDim; ++row) {
    for (int r = 0; r < 2; ++r) b.push_back(static_cast<float>(row));
  }
  const auto bytes = [](const std::vector<float>& values) {
    return std::string_view(reinterpret_cast<const char*>(values.data()),
                            values.size() * sizeof(float));
  };
  writer.declare(given.name + ".lora_a", given.stored, {2, kWidth});
  writer.declare(given.name + ".lora_b", given.stored, {kHeads * kHeadDim, 2});
  writer.write(given.name + ".lora_a", bytes(a));
  writer.write(given.name + ".lora_b", bytes(b));
  writer.commit();
  return path;
}

TEST(GgufAdapters, RowsOfQAndKAreInTheModelsOrderOnceItIsKnown) {
  TempFolder folder;
  AdapterFile file = read_adapter_file(write_foreign(folder, {}));
  EXPECT_EQ(file.settings->scale, 3.0f);
  EXPECT_EQ(file.in_gguf_order.size(), 1u);
  file.path = folder / "a.npz";
  expect_error<UsageError>([&] { write_adapter_file(file); }, "give its `model`");
  expect_error<UsageError>([&] { merged({{file, 1}, {file, 1}}); }, "give its `model`");
  expect_error<UsageError>([&] { difference(file, file); }, "give its `model`");
  file.base = {"llama", kHeadDim};
  write_adapter_file(file);
  const mx::array b =
      read_adapter_file(file.path).tensors.at("model.layers.0.self_attn.q_proj.lora_b").load();
  // Rows j and j + 2 of a head are adjacent in the file.
  const float expected[] = {0, 2, 1, 3, 4, 6, 5, 7};
  for (int i = 0; i < kHeads * kHeadDim; ++i) EXPECT_EQ(b.data<float>()[i], expected[i]) << i;
  file.base.head_dim = 3;
  expect_error([&] { write_adapter_file(file); }, "no heads of 3");
}

TEST(GgufAdapters, WithoutAlphaCountAsTheyAre) {
  TempFolder folder;
  EXPECT_EQ(read_adapter_file(write_foreign(folder, {.alpha = 0})).settings->scale, 1.0f);
}

TEST(GgufAdapters, WhatIsNoneIsNamed) {
  const auto refused = [](const Given& given, const char* says) {
    TempFolder folder;
    const fs::path path = write_foreign(folder, given);
    expect_error([&] { read_adapter_file(path); }, {"foreign.gguf", says});
  };
  refused({.type = "model"}, "is no adapter: its general.type is \"model\"");
  refused({.kind = "control"}, "adapter.type is \"control\"");
  refused({.architecture = "bert", .name = "blk.0.attn_z.weight"}, "no adapter of a linear layer");
  refused({.name = "output_norm.weight"}, "output_norm");
  refused({.alpha = INFINITY}, "adapter.lora.alpha is inf");
}

TEST(GgufAdapters, NeedAModelThatLlamaCppHas) {
  TempFolder folder;
  AdapterFile file;
  file.path = folder / "a.gguf";
  file.settings = LoraSettings{};
  file.tensors.insert({"model.layers.0.mlp.up_proj.lora_a", mx::ones({8, 2})});
  file.tensors.insert({"model.layers.0.mlp.up_proj.lora_b", mx::ones({2, 8})});
  expect_error<UsageError>([&] { write_adapter_file(file); }, "give its `model`");
  file.base.model_type = "rwkv";
  expect_error([&] { write_adapter_file(file); }, "no architecture for the model type \"rwkv\"");
  file.base = {"llama", 4};
  file.tensors.insert({"model.projector.lora_a", mx::ones({8, 2})});
  file.tensors.insert({"model.projector.lora_b", mx::ones({2, 8})});
  expect_error([&] { write_adapter_file(file); }, "GGUF has no name for the layer model.projector");
  EXPECT_FALSE(fs::exists(file.path));
}

// llama.cpp finds an embedding's adapter for the head, too, where that is the same matrix, and
// stops.
TEST(GgufAdapters, OfAnEmbeddingAreOfModelsWithAHead) {
  TempFolder folder;
  AdapterFile file;
  file.path = folder / "a.gguf";
  file.settings = LoraSettings{.scale = 1.5f};
  const mx::array a = mx::reshape(mx::arange(0.0f, 18.0f), {9, 2}), b = mx::ones({2, 8});
  file.tensors.insert({"model.embed_tokens.lora_a", a});
  file.tensors.insert({"model.embed_tokens.lora_b", b});
  file.tensors.insert({"lm_head.lora_a", mx::ones({8, 2})});
  file.tensors.insert({"lm_head.lora_b", mx::ones({2, 9})});
  file.base = {"llama", 4};
  expect_error<UsageError>([&] { write_adapter_file(file); }, "give its `model`");
  file.base.tied_head = true;
  expect_error([&] { write_adapter_file(file); }, {"model.embed_tokens", "graft export"});
  file.base.tied_head = false;
  write_adapter_file(file);
  const io::GgufFile written(file.path);
  EXPECT_EQ(written.tensor("token_embd.weight.lora_a").shape, mx::Shape({9, 2}));
  EXPECT_EQ(written.tensor("token_embd.weight.lora_b").shape, mx::Shape({8, 2}));
  EXPECT_EQ(written.tensor("output.weight.lora_a").shape, mx::Shape({2, 8}));
  EXPECT_EQ(written.tensor("output.weight.lora_b").shape, mx::Shape({9, 2}));
  const AdapterFile back = read_adapter_file(file.path);
  EXPECT_TRUE(mx::array_equal(back.tensors.at("model.embed_tokens.lora_a").load(), a).item<bool>());
  EXPECT_TRUE(mx::array_equal(back.tensors.at("model.embed_tokens.lora_b").load(), b).item<bool>());
}

TEST(GgufNames, AreThoseOfTheLanguageModel) {
  EXPECT_EQ(models::gguf_layer("model.layers.12.mlp.fc1"), "blk.12.ffn_up");
  EXPECT_EQ(models::gguf_layer("language_model.model.layers.3.self_attn.q_proj"), "blk.3.attn_q");
  EXPECT_EQ(models::gguf_layer("model.vision_tower.encoder.layers.0.self_attn.q_proj"),
            std::nullopt);
  EXPECT_EQ(models::gguf_layer("model.layers.x.mlp.fc1"), std::nullopt);
  EXPECT_EQ(models::layer_of_gguf("blk.2.ffn_up", "phi2"), "model.layers.2.mlp.fc1");
  EXPECT_EQ(models::layer_of_gguf("blk.2.ffn_up", "llama"), "model.layers.2.mlp.up_proj");
  EXPECT_EQ(models::layer_of_gguf("blk.2.ffn_gate_inp", "llama"),
            "model.layers.2.block_sparse_moe.gate");
  EXPECT_EQ(models::layer_of_gguf("blk..ffn_up", "llama"), std::nullopt);
  EXPECT_TRUE(models::is_permuted("granite"));
  EXPECT_FALSE(models::is_permuted("qwen3"));
}

}  // namespace
}  // namespace graft::lora
