#include "graft/io/model_folder.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::expect_error;
using testing::same_bits;
using testing::TempFolder;
using testing::write_bytes;

// A folder with config.json and shards a.safetensors {x, y} and b.safetensors {z}.
void make_sharded(const TempFolder& folder, std::string_view weight_map) {
  write_bytes(folder / "config.json", R"({"model_type": "llama"})");
  save_safetensors(folder / "a.safetensors", {{"x", mx::array({1.0f})}, {"y", mx::array({2.0f})}});
  save_safetensors(folder / "b.safetensors", {{"z", mx::array({3.0f})}});
  write_bytes(folder / "model.safetensors.index.json",
              fmt::format(R"({{"metadata": {{}}, "weight_map": {}}})", weight_map));
}

TEST(ModelFolder, ReadsASingleFile) {
  TempFolder folder;
  write_bytes(folder / "config.json", R"({"model_type": "llama", "hidden_size": 4})");
  mx::array weight = mx::random::normal({4, 4});
  save_safetensors(folder / "model.safetensors",
                   {{"w", weight}, {"model.layers.0.rotary_emb.inv_freq", mx::array({1.0f})}});
  save_safetensors(folder / "consolidated.safetensors", {{"stale", weight}});
  ModelFolder model = ModelFolder::open(folder.path());
  EXPECT_EQ(model.config().at("hidden_size"), 4);
  EXPECT_EQ(model.names(), std::vector<std::string>{"w"});
  EXPECT_TRUE(model.has("w"));
  EXPECT_FALSE(model.has("stale"));
  EXPECT_TRUE(same_bits(model.load("w"), weight));
  expect_error([&] { model.load("stale"); }, "the model has no tensor \"stale\"");
}

TEST(ModelFolder, ReadsTheShardsThatTheIndexNames) {
  TempFolder folder;
  make_sharded(folder, R"({"x": "a.safetensors", "z": "b.safetensors"})");
  save_safetensors(folder / "c.safetensors", {{"stale", mx::array({0.0f})}});
  ModelFolder model = ModelFolder::open(folder.path());
  EXPECT_TRUE(model.has("x") && model.has("z"));
  EXPECT_FALSE(model.has("stale"));
  EXPECT_EQ(model.load("z").item<float>(), 3.0f);
}

// What the shards' headers say counts, wherever the index has it.
TEST(ModelFolder, AnIndexNeedNotBeRightAboutTheShard) {
  TempFolder folder;
  make_sharded(folder, R"({"x": "b.safetensors", "z": "a.safetensors"})");
  ModelFolder model = ModelFolder::open(folder.path());
  EXPECT_EQ(model.load("z").item<float>(), 3.0f);
}

TEST(ModelFolder, ASingleFileIsReadWhateverAnIndexSays) {
  TempFolder folder;
  make_sharded(folder, R"({"x": "model-00001-of-00002.safetensors"})");
  save_safetensors(folder / "model.safetensors", {{"w", mx::array({7.0f})}});
  ModelFolder model = ModelFolder::open(folder.path());
  EXPECT_EQ(model.names(), std::vector<std::string>{"w"});
}

TEST(ModelFolder, ShardsNeedNoIndex) {
  TempFolder folder;
  write_bytes(folder / "config.json", "{}");
  save_safetensors(folder / "model-00001-of-00002.safetensors", {{"a", mx::array({1.0f})}});
  save_safetensors(folder / "model-00002-of-00002.safetensors", {{"b", mx::array({2.0f})}});
  ModelFolder model = ModelFolder::open(folder.path());
  EXPECT_EQ(model.names(), (std::vector<std::string>{"a", "b"}));
  write_bytes(folder / "model.safetensors.index.json",
              R"({"weight_map": {"c": "model-00003-of-00003.safetensors"}})");
  expect_error([&] { ModelFolder::open(folder.path()); },
               {"model-00003-of-00003.safetensors, which",
                "incomplete download? There are: "
                "model-00001-of-00002.safetensors, model-00002-of-00002.safetensors"});
}

TEST(ModelFolder, RefusesABadIndex) {
  struct Case {
    const char* weight_map;
    const char* complaint;
  };
  for (const Case& bad : std::vector<Case>{
           {R"({"nowhere": "b.safetensors"})",
            "\"nowhere\" in b.safetensors, but it is in no shard"},
           {R"({"x": "c.safetensors"})", "c.safetensors, which model.safetensors.index.json names"},
           {R"({"x": "../a.safetensors"})", "is not a plain file name"},
           {R"({"x": "/etc/passwd"})", "is not a plain file name"},
           {R"({"x": ".."})", "is not a plain file name"},
           {R"({"x": ""})", "is not a plain file name"},
           {R"({"x": "a.safetensors\u0000"})", "is not a plain file name"},
           {R"({"x": 3})", "is not a string"},
           {R"([1])", "no \"weight_map\" object"},
       }) {
    TempFolder folder;
    make_sharded(folder, bad.weight_map);
    expect_error([&] { ModelFolder::open(folder.path()); }, bad.complaint);
  }
}

TEST(ModelFolder, NamesWhatIsMissing) {
  TempFolder folder;
  auto open = [&] { ModelFolder::open(folder.path()); };
  expect_error(open, "it has no config.json");
  write_bytes(folder / "config.json", "[]");
  expect_error(open, "expected a JSON object, found array");
  write_bytes(folder / "config.json", "{");
  expect_error(open, "not valid JSON at byte");
  write_bytes(folder / "config.json", "{}");
  expect_error(open, "has neither model.safetensors nor model.safetensors.index.json");
  write_bytes(folder / "pytorch_model.bin", "");
  expect_error(open, "PyTorch pickles");
  write_bytes(folder / "model.gguf", "");
  expect_error<UsageError>([&] { ModelFolder::open(folder / "model.gguf"); }, "graft convert");
  expect_error([&] { ModelFolder::open(folder / "config.json"); }, "is a file, not a model folder");
  expect_error([&] { ModelFolder::open(folder / "no" / "such"); }, "there is no model folder");
}

}  // namespace
}  // namespace graft::io
