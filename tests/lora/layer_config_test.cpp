#include "graft/lora/layer_config.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "graft/io/json.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/peft_config.h"
#include "graft/models/registry.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::expect_error;

// The tiny model has two layers.
Adapters attached_by(const std::string& config, models::Model& model) {
  const auto layers =
      std::make_shared<const LayerConfig>(LayerConfig::read(config, model.default_lora_keys()));
  LoraSettings settings = layers->settings();
  settings.layers = layers;
  return attach(model, settings);
}

std::unique_ptr<models::Model> tiny() {
  return models::load_model(io::ModelFolder::open(testing::fixture("llama/base")));
}

TEST(LayerConfig, SaysEachLayersRankAndScale) {
  auto model = tiny();
  const Adapters adapters = attached_by(
      R"({"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"],
          "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"layers.1.self_attn.q_proj": 12}})",
      *model);
  std::map<std::string, std::pair<int, float>> found;
  for (const models::LinearPart& linear : adapters.linears()) {
    found[linear.path()] = {linear.adapter()->a.shape(1), linear.adapter()->scale};
  }
  const std::map<std::string, std::pair<int, float>> expected = {
      {"model.layers.0.self_attn.q_proj", {4, 2}},
      {"model.layers.0.self_attn.v_proj", {2, 4}},
      {"model.layers.1.self_attn.q_proj", {4, 3}},
      {"model.layers.1.self_attn.v_proj", {2, 4}}};
  EXPECT_EQ(found, expected);
}

// A training says so before it begins, not with its first save.
TEST(LayerConfig, WhatALayoutHasNoRoomForIsRefusedAtTheStart) {
  json config = io::read_json_object(testing::fixture("llama/base/config.json"));
  config["num_hidden_layers"] = 300;
  const auto check = [&](const char* name, const std::string& patterns) {
    const auto model = models::load_model(io::ModelFolder::of_config("x", config));
    const auto layers = std::make_shared<const LayerConfig>(LayerConfig::read(
        R"({"r": 1, "lora_alpha": 1, "target_modules": "all-linear", )" + patterns + "}", {}));
    LoraSettings settings = layers->settings();
    settings.layers = layers;
    check_layout(name, attach(*model, settings, Fresh::unread));
  };
  const std::string scales =
      R"("alpha_pattern": {"q_proj": 3, "k_proj": 3, "v_proj": 3, "o_proj": 3, "gate_proj": 3,
          "up_proj": 3, "down_proj": 3})";
  expect_error([&] { check("a.npz", scales); }, {"a.npz", "scales of 2100 layers do not fit"});
  EXPECT_NO_THROW(check("a.safetensors", scales));
  EXPECT_NO_THROW(check("a.npz", R"("alpha_pattern": {"q_proj": 3})"));
  const std::string rank = R"("rank_pattern": {"layers.0.self_attn.q_proj": 65536})";
  expect_error([&] { check("adapters.safetensors", rank); },
               {"adapters.safetensors", "ranks of 1 to 65536", ".npz"});
  EXPECT_NO_THROW(check("a.npz", rank));
}

// What is trained by a config is read by PEFT with another that says the same.
TEST(LayerConfig, IsWhatPeftReadsAfterwards) {
  testing::TempFolder folder;
  auto model = tiny();
  const Adapters adapters = attached_by(
      R"({"r": 4, "scale": 3, "use_rslora": true, "target_modules": ["q_proj", "down_proj"],
          "rank_pattern": {"down_proj": 2}, "layers_to_transform": [1]})",
      *model);
  const fs::path file = folder / "adapter_model.safetensors";
  save_adapter_file(file, adapters);
  const ordered_json written = io::read_ordered_json_object(folder / "adapter_config.json");
  EXPECT_EQ(written["use_rslora"], true);
  const PeftConfig peft(written, "x");
  EXPECT_NEAR(peft.scale_of("model.layers.1.self_attn.q_proj"), 3, 1e-6);
  EXPECT_NEAR(peft.scale_of("model.layers.1.mlp.down_proj"), 3, 1e-6);
  EXPECT_EQ(peft.rank_of("model.layers.1.mlp.down_proj"), 2);
  EXPECT_FALSE(peft.targets("model.layers.0.self_attn.q_proj"));
  EXPECT_TRUE(read_adapter_file(file).settings->rank_stabilized);
}

TEST(LayerConfig, FilesAreJsonOrYaml) {
  testing::TempFolder folder;
  testing::write_bytes(folder / "a.json", R"({"r": 3, "use_dora": true})");
  testing::write_bytes(folder / "a.yaml", "r: 3\nuse_dora: true\ninit_lora_weights: gaussian\n");
  for (const char* name : {"a.json", "a.yaml"}) {
    const LoraSettings s = LayerConfig::read(folder / name, {"q_proj"}).settings();
    EXPECT_EQ(s.rank, 3);
    EXPECT_EQ(s.type, FineTuneType::dora);
    EXPECT_EQ(s.keys, std::vector<std::string>{"q_proj"});
  }
  EXPECT_EQ(LayerConfig::read(folder / "a.yaml", {}).settings().initial.name(), "gaussian");
  expect_error([&] { LayerConfig::read(folder / "none.json", {}); }, "none.json");
}

TEST(LayerConfig, RankStabilizedAlphaIsDividedByTheRoot) {
  const LoraSettings s =
      LayerConfig::read(R"({"r": 4, "lora_alpha": 6, "use_rslora": true})", {"q_proj"}).settings();
  EXPECT_EQ(s.scale, 3.0f);
  EXPECT_TRUE(s.rank_stabilized);
}

TEST(LayerConfig, WhatMatchesNothingIsNamed) {
  auto model = tiny();
  const auto refused = [&](const char* config, std::initializer_list<std::string_view> says) {
    expect_error<UsageError>([&] { attached_by(config, *model); }, says);
  };
  refused(R"({"target_modules": ["q_proj", "zz_proj"]})", {"target_modules", "zz_proj"});
  refused(R"({"target_modules": ".*zz"})", {"target_modules"});
  refused(R"({"target_modules": ["q_proj"], "exclude_modules": ["zz"]})",
          {"exclude_modules", "zz"});
  refused(R"({"target_modules": ["q_proj"], "rank_pattern": {"v_proj": 2}})",
          {"rank_pattern", "v_proj"});
  refused(R"({"target_modules": ["q_proj"], "alpha_pattern": {"layers.7": 2}})",
          {"alpha_pattern", "layers.7"});
  refused(R"({"target_modules": ["q_proj"], "layers_to_transform": [0, 2]})",
          {"layers_to_transform", "no layer 2"});
  refused(R"({"target_modules": ["q_proj"], "exclude_modules": ["q_proj"]})", {"no layer"});
}

TEST(LayerConfig, OtherKeysAndBadValuesAreRefused) {
  const auto refused = [](const char* config, std::initializer_list<std::string_view> says) {
    expect_error([&] { LayerConfig::read(config, {"q_proj"}); }, says);
  };
  refused(R"({"rank": 4})", {"there is no key", "rank"});
  refused(R"({"modules_to_save": ["lm_head"]})", {"there is no key", "modules_to_save"});
  refused(R"({"bias": "all"})", {"bias is of adapters that are read", "train_extra"});
  refused(R"({"r": 0})", {"r must be"});
  refused(R"({"scale": 2, "lora_alpha": 4})", {"scale", "lora_alpha"});
  refused(R"({"scale": "2"})", {"scale must be a number"});
  refused(R"({"scale": 1e39})", {"scale must be a number"});
  refused(R"({"init_lora_weights": "loftq"})", {"init_lora_weights", "loftq"});
  refused(R"({"init_lora_weights": false})", {"init_lora_weights", "false"});
  refused(R"({"r": 4)", {"lora_config"});
}

}  // namespace
}  // namespace graft::lora
