// Adapters of PEFT, with the logits that PyTorch has with them: scripts/fixtures/peft_adapters.py.

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <algorithm>

#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/adapter_path.h"
#include "graft/lora/difference.h"
#include "graft/lora/layer_pairs.h"
#include "graft/models/registry.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/model_parity.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::expect_error;
using testing::TempFolder;

const fs::path kPeft = testing::fixture("peft");

std::vector<std::string> peft_variants() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(kPeft)) {
    all.push_back(entry.path().filename().string());
  }
  std::sort(all.begin(), all.end());
  return all;
}

class PeftAdapters : public ::testing::TestWithParam<std::string> {
 protected:
  PeftAdapters() {
    std::string family = read_text(at_ / "base.txt");
    family.pop_back();
    const fs::path fixture = testing::fixture("families") / family;
    texts_.emplace(fixture / "expected.safetensors");
    testing::write_named_checkpoint(fixture, base_.path());
  }

  // Of the largest logit, how far off those of PEFT the adapter's are.
  double distance_with(const AdapterFile& file) const {
    const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
    apply(*model, file);
    const mx::array found = models::logits(*model, texts_->ids, model->context(texts_->sequences));
    return testing::distance(found, expected_.load("logits"));
  }

  fs::path at_ = kPeft / GetParam();
  io::SafetensorsFile expected_{at_ / "expected.safetensors"};
  TempFolder base_;
  std::optional<testing::Expected> texts_;
};

TEST_P(PeftAdapters, GiveTheLogitsOfPeft) {
  EXPECT_LT(distance_with(read_adapter_file(at_)), testing::kParity);
}

class PeftDora : public PeftAdapters {};

TEST_P(PeftDora, GivesTheLossAndTheGradientsOfPeft) {
  const auto model = models::load_model(io::ModelFolder::open(base_.path()), mx::float32);
  testing::Expected expected(at_ / "expected.safetensors", *texts_);
  testing::check_adapted(*model, expected, read_adapter_file(at_));
}

// Whatever the layout has, ranks and scales of each layer or one for all.
TEST_P(PeftAdapters, AreTheSameInEveryLayout) {
  TempFolder folder;
  AdapterFile file = read_adapter_file(at_);
  file.base = BaseShape::of(io::read_json_object(base_ / "config.json"));
  for (const char* format : {"npz", "safetensors", "mlx-lm", "gguf", "peft"}) {
    SCOPED_TRACE(format);
    if (is_dora(file) && std::string(format) == "gguf") {
      file.path = folder / "a.gguf";
      expect_error([&] { write_adapter_file(file); }, {"a.gguf", "DoRA", "graft fuse"});
      continue;
    }
    fs::create_directories(folder / format);
    file.path = adapter_to_write(folder / format, format);
    write_adapter_file(file);
    const AdapterFile back = read_adapter_file(folder / format);
    EXPECT_LT(distance_with(back), testing::kParity);
    EXPECT_LT(difference(back, read_adapter_file(at_)).between, 1e-6 * difference(back, back).one);
    file = back;
  }
}

// A folder of PEFT's with tensors of these names.
void expect_peft_refused(const std::map<std::string, mx::array>& tensors,
                         std::initializer_list<std::string_view> says) {
  TempFolder folder;
  io::save_safetensors(folder / "adapter_model.safetensors", tensors);
  testing::write_bytes(folder / "adapter_config.json",
                       R"({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj", "up_proj"]})");
  expect_error([&] { read_adapter_file(folder.path()); }, says);
}

TEST(PeftFolder, WhatIsNoAdapterIsNamed) {
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj";
  const mx::array a = mx::ones({2, 8}), b = mx::ones({8, 2});
  expect_peft_refused({{q + ".lora_A.weight", a}}, {"q_proj", ".lora_B.weight is missing"});
  expect_peft_refused(
      {{q + ".lora_A.weight", mx::ones({3, 8})}, {q + ".lora_B.weight", mx::ones({8, 3})}},
      {"q_proj", "[3, 8]", "makes their rank 2"});
  expect_peft_refused({{q + ".lora_A.weight", mx::ones({8})}, {q + ".lora_B.weight", b}},
                      {"q_proj", "no matrix"});
  expect_peft_refused({{q + ".lora_magnitude_vector", mx::ones({8})}},
                      {".lora_A.weight is missing"});
  expect_peft_refused({{q + ".lora_A.weight", a},
                       {q + ".lora_B.weight", b},
                       {q + ".lora_magnitude_vector", mx::ones({8})}},
                      {"has DoRA's magnitudes, but use_dora is false"});
  expect_peft_refused({{q + ".lora_magnitude_vector", mx::ones({8, 1})}}, {"q_proj", "no vector"});
  expect_peft_refused({{"base_model.model.model.embed_tokens.lora_embedding_A", a}},
                      {"an embedding"});
  expect_peft_refused({{"model.norm.weight", mx::ones({8})}}, {"no part of a LoRA adapter"});
  const std::string k = "base_model.model.model.layers.0.self_attn.k_proj";
  expect_peft_refused({{k + ".lora_A.weight", a}, {k + ".lora_B.weight", b}},
                      {"k_proj", "target_modules", "does not name it"});
  const std::string experts = "base_model.model.model.layers.0.mlp.experts";
  expect_peft_refused({{experts + ".lora_A.weight", a}, {experts + ".lora_B.weight", b}},
                      {"mlp.experts", "target_parameters", "does not name it"});
  expect_peft_refused(
      {{experts + ".7.up_proj.lora_A.weight", a}, {experts + ".7.up_proj.lora_B.weight", b}},
      {"switch_mlp.up_proj", "expert 0 has no adapter"});
  expect_peft_refused({{experts + ".0.up_proj.lora_A.weight", a},
                       {experts + ".0.up_proj.lora_B.weight", b},
                       {experts + ".00.up_proj.lora_A.weight", a},
                       {experts + ".00.up_proj.lora_B.weight", b}},
                      {"has two adapters"});
}

INSTANTIATE_TEST_SUITE_P(Fixtures, PeftAdapters, ::testing::ValuesIn(peft_variants()),
                         [](const auto& variant) { return variant.param; });

INSTANTIATE_TEST_SUITE_P(Fixtures, PeftDora, ::testing::Values("dora", "dora_patterns"),
                         [](const auto& variant) { return variant.param; });

}  // namespace
}  // namespace graft::lora
