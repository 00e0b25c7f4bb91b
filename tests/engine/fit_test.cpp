#include "graft/engine/fit.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <map>

#include "graft/base/atomic_file.h"
#include "graft/engine/data_split.h"
#include "graft/engine/fine_tune.h"
#include "graft/lora/adapter_file.h"
#include "graft/ops/backend.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::engine {
namespace {

namespace mx = mlx::core;

class Fit : public ::testing::Test {
 protected:
  Fit() {
    fs::create_directories(folder_ / "model");
    testing::write_tiny_model(folder_ / "model", 1, 64);
    const std::string line = "{\"text\": \"" + std::string(600, 'x') + "\"}\n";
    std::string lines;
    for (int i = 0; i < 16; ++i) lines += line;
    for (const char* name : {"train.jsonl", "valid.jsonl"}) write_text(folder_ / name, lines);
    options_.train.iters = 4;
    options_.train.batch_size = 8;
    options_.adapter.num_layers = 2;
    options_.only_planned = true;
  }

  // By what they are.
  std::map<std::string, Remedy> remedies(const std::function<size_t(size_t planned)>& bytes) {
    LoadedModel loaded = load_to_plan(folder_ / "model");
    const data::Dataset train =
        load_split(folder_.path(), "train", loaded, {}, *silent_front_end());
    FineTune tune(loaded, options_, *silent_front_end());
    const plan::Plan plan = tune.plan(train, train, folder_ / "speed.json");
    std::map<std::string, Remedy> all;
    for (const Remedy& remedy : tune.remedies(train, train, plan, bytes(plan.memory.total()))) {
      EXPECT_LT(remedy.bytes, plan.memory.total()) << remedy.what;
      all.emplace(remedy.what, remedy);
    }
    return all;
  }

  testing::TempFolder folder_;
  FineTuneOptions options_;
};

TEST_F(Fit, TheMildestFormThatFitsIsNamed) {
  const auto all = remedies([](size_t planned) { return planned - 1; });
  ASSERT_TRUE(all.count("`batch_size` 4"));
  EXPECT_TRUE(all.at("`batch_size` 4").fits);
  ASSERT_TRUE(all.count("`max_seq_length` 300"));
  ASSERT_TRUE(all.count("`num_layers` 1"));
  EXPECT_TRUE(all.count("weights of 4 bits (graft convert `quantize`)"));
  EXPECT_FALSE(all.count("all of these together"));
}

// Weights that are trained as they are cannot be quantized.
TEST_F(Fit, FullFineTuningHasItsOwnForms) {
  options_.adapter.type = lora::FineTuneType::full;
  const auto all = remedies([](size_t planned) { return planned - 1; });
  EXPECT_TRUE(all.count("`num_layers` 1"));
  EXPECT_FALSE(all.count("weights of 4 bits (graft convert `quantize`)"));
}

TEST_F(Fit, WhereNothingFitsAllIsTakenTogether) {
  const auto all = remedies([](size_t) { return size_t{1}; });
  ASSERT_TRUE(all.count("`batch_size` 1"));
  ASSERT_TRUE(all.count("`max_seq_length` 128"));
  ASSERT_TRUE(all.count("all of these together"));
  for (const auto& [what, remedy] : all) {
    EXPECT_FALSE(remedy.fits) << what;
  }
}

TEST_F(Fit, WhatIsDoneAlreadyIsNoRemedy) {
  options_.train.grad_checkpoint = true;
  options_.train.batch_size = 1;
  const auto all = remedies([](size_t) { return size_t{1}; });
  EXPECT_FALSE(all.count("`grad_checkpoint`"));
  for (const auto& [what, remedy] : all) EXPECT_EQ(what.find("batch_size"), std::string::npos);
}

// What PEFT's layout names beside a head that is the embedding, or that the adapter unties.
TEST_F(Fit, AnAdapterThatNamesATiedHeadIsPlannedAsItIs) {
  const fs::path file = folder_ / "adapter_model.safetensors";
  options_.adapter = {.resume_adapter_file = file};
  // Bytes that a batch of 4 in place of 8 saves.
  const auto saved = [&](const lora::AdapterFile& adapter) {
    fs::remove(file);
    fs::remove(folder_ / "adapter_config.json");
    lora::write_adapter_file(adapter);
    size_t now = 0;
    const auto all = remedies([&](size_t planned) {
      now = planned;
      return planned - 1;
    });
    return now - all.at("`batch_size` 4").bytes;
  };
  lora::AdapterFile adapter;
  adapter.path = file;
  adapter.settings =
      lora::LoraSettings{.rank = 2, .num_layers = -1, .keys = {"embed_tokens", "lm_head"}};
  adapter.base.tied_head = true;
  const std::string embedding = "model.embed_tokens";
  adapter.tensors.insert({embedding + ".lora_a", mx::ones({260, 2})});
  adapter.tensors.insert({embedding + ".lora_b", mx::ones({2, 64})});
  saved(adapter);
  EXPECT_NE(read_text(folder_ / "adapter_config.json").find("\"lm_head\""), std::string::npos);
  adapter.tensors.clear();
  const std::string q = "model.layers.1.self_attn.q_proj";
  adapter.tensors.insert({q + ".lora_a", mx::ones({64, 2})});
  adapter.tensors.insert({q + ".lora_b", mx::ones({2, 64})});
  const size_t without = saved(adapter);
  adapter.weights.insert({"lm_head.weight", mx::ones({260, 64})});
  const size_t of_head = saved(adapter);
  // The matrix is trained with either batch: in f32, itself and its moments.
  constexpr size_t kTrained = 3 * sizeof(float) * 260 * 64;
  if (ops::use_cpu_kernels()) {
    EXPECT_LT(of_head, without + kTrained / 2);
  }
  adapter.weights.insert({embedding + ".weight", mx::ones({260, 64})});
  adapter.ties_head = false;
  saved(adapter);
  adapter.ties_head = true;
  adapter.weights.erase("lm_head.weight");  // written again
  saved(adapter);
}

}  // namespace
}  // namespace graft::engine
