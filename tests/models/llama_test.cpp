// Llama against transformers: logits, loss and LoRA gradients of tiny random checkpoints, see
// scripts/fixtures/tiny_llama.py.

#include "graft/models/llama.h"

#include <gtest/gtest.h>
#include <mlx/io.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <numeric>
#include <unordered_map>

#include "graft/base/atomic_file.h"
#include "graft/lora/adapter_file.h"
#include "graft/models/registry.h"
#include "graft/nn/rope.h"
#include "graft/ops/backend.h"
#include "graft/ops/head_loss.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/model_parity.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::models {
namespace {

using testing::distance;
using testing::expect_error;
using testing::Expected;
using testing::TempFolder;

const fs::path kFixtures = testing::fixture("llama");

// The adapters of the fixture.
lora::AdapterFile adapters_of(const Expected& expected) {
  lora::AdapterFile file;
  file.path = expected.file.path();
  for (const std::string& name : expected.file.names()) {
    if (name.find(".lora_") != std::string::npos && !name.starts_with("grad.")) {
      file.tensors.insert({name, expected.file.load(name)});
    }
  }
  file.settings = lora::LoraSettings{};
  file.settings->scale = expected.file.load("lora_scale").item<float>();
  return file;
}

struct Variant {
  std::string name;
  std::string expected = "expected.safetensors";
  bool cpu_kernels = true;
};

std::vector<Variant> llama_variants() {
  std::vector<Variant> all;
  for (const char* name : {"base", "bias", "head_dim", "rope_dynamic", "rope_linear", "rope_llama3",
                           "sharded_bf16", "sharded_f16", "tied"}) {
    for (bool cpu_kernels : {true, false})
      all.push_back({name, "expected.safetensors", cpu_kernels});
  }
  for (bool cpu_kernels : {true, false}) {
    all.push_back({"base", "expected_all_linear.safetensors", cpu_kernels});
  }
  return all;
}

std::ostream& operator<<(std::ostream& out, const Variant& variant) {
  return out << variant.name << ' ' << variant.expected;
}

class LlamaParity : public ::testing::TestWithParam<Variant> {};

TEST_P(LlamaParity, LogitsLossAndGradientsAreThoseOfTransformers) {
  if (GetParam().cpu_kernels && !ops::has_cpu_kernels()) GTEST_SKIP() << "built without kernels";
  ops::KernelsScope backend(GetParam().cpu_kernels ? ops::Kernels::own : ops::Kernels::mlx);
  io::ModelFolder folder = io::ModelFolder::open(kFixtures / GetParam().name);
  auto model = load_model(folder, mx::float32);
  Expected expected(folder.path() / GetParam().expected);
  mx::array found = logits(*model, expected.ids, model->context(expected.sequences));
  EXPECT_LT(distance(found, expected.file.load("logits")), testing::kParity);
  testing::check_adapted(*model, expected, adapters_of(expected));
}

INSTANTIATE_TEST_SUITE_P(All, LlamaParity, ::testing::ValuesIn(llama_variants()),
                         [](const auto& test) {
                           const Variant& v = test.param;
                           return v.name +
                                  (v.expected == "expected.safetensors" ? "" : "_all_linear") +
                                  (v.cpu_kernels ? "_kernels" : "_mlx");
                         });

TEST(Llama, BothSpellingsOfAConfigMeanTheSameRotations) {
  for (const char* name : {"base", "rope_dynamic", "rope_linear", "rope_llama3"}) {
    json now = io::read_json_object(kFixtures / name / "config.json");
    json before = io::read_json_object(kFixtures / name / "config_old_spelling.json");
    for (int64_t length : {8, 100}) {
      EXPECT_EQ(nn::Rope::from_config(now, 8, "config.json").inverse_frequencies(length),
                nn::Rope::from_config(before, 8, "config.json").inverse_frequencies(length))
          << name;
    }
  }
}

// Null is what transformers makes of it: mostly as if the key were not there.
TEST(Rope, OfNullsIsThatOfTheReference) {
  const auto frequencies = [](const char* config) {
    return nn::Rope::from_config(json::parse(config), 64, "config.json").inverse_frequencies(100);
  };
  const auto plain = frequencies(R"({"rope_theta": 500})");
  EXPECT_EQ(frequencies(R"({"rope_theta": 500, "rope_scaling": null})"), plain);
  EXPECT_EQ(frequencies(R"({"rope_theta": 500, "rope_parameters": {"rope_theta": null}})"), plain);
  EXPECT_EQ(
      frequencies(
          R"({"rope_theta": 500, "rope_scaling": {"rope_type": null, "type": "linear", "factor": 2}})"),
      frequencies(R"({"rope_theta": 500, "rope_scaling": {"type": "linear", "factor": 2}})"));
  const std::string yarn = R"({"rope_theta": 500, "max_position_embeddings": 4096,
      "rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 1024)";
  const auto truncated = frequencies((yarn + "}}").c_str());
  EXPECT_EQ(frequencies((yarn + R"(, "truncate": true}})").c_str()), truncated);
  EXPECT_NE(frequencies((yarn + R"(, "truncate": false}})").c_str()), truncated);
  EXPECT_EQ(frequencies((yarn + R"(, "truncate": null}})").c_str()),
            frequencies((yarn + R"(, "truncate": false}})").c_str()));
}

// Python's falsy values are no parameters; a zero among them is none.
TEST(Rope, OfWhatPythonTakesForFalseIsThatOfTheReference) {
  const auto frequencies = [](const std::string& scaling) {
    const json config = json::parse(R"({"rope_theta": 500, "rope_scaling": )" + scaling + "}");
    return nn::Rope::from_config(config, 64, "config.json").inverse_frequencies(100);
  };
  for (const char* nothing : {"null", "false", "0", "\"\"", "[]", "{}"}) {
    EXPECT_EQ(frequencies(nothing), frequencies("{}")) << nothing;
  }
  expect_error([&] { frequencies("true"); }, "rope_scaling must be an object");
  const std::string yarn =
      R"({"type": "yarn", "factor": 4, "original_max_position_embeddings": 1024)";
  EXPECT_EQ(frequencies(yarn + R"(, "beta_fast": 0, "beta_slow": 0})"), frequencies(yarn + "}"));
}

TEST(Rope, TheOriginalLengthBesideTheParametersComesBeforeTheirs) {
  json config = json::parse(R"({"rope_scaling": {"type": "longrope",
      "short_factor": [1, 1, 1, 1], "long_factor": [2, 2, 2, 2], "factor": 8,
      "original_max_position_embeddings": 64}})");
  const auto frequencies = [&] {
    return nn::Rope::from_config(config, 8, "config.json").inverse_frequencies(100);
  };
  const auto among = frequencies();
  config["original_max_position_embeddings"] = 4096;
  EXPECT_NE(frequencies(), among);
}

TEST(Llama, BiasesOfAnotherDtypeTakeThatOfTheActivations) {
  TempFolder copy;
  fs::copy(kFixtures / "bias", copy.path(), fs::copy_options::recursive);
  io::ModelFolder original = io::ModelFolder::open(kFixtures / "bias");
  std::unordered_map<std::string, mx::array> tensors;
  for (const std::string& name : original.names()) {
    mx::array tensor = original.load(name);
    tensors.insert({name, name.ends_with(".bias") ? mx::astype(tensor, mx::float16) : tensor});
  }
  mx::save_safetensors((copy.path() / "model.safetensors").string(), tensors);

  auto model = load_model(io::ModelFolder::open(copy.path()));
  EXPECT_EQ(model->dtype(), mx::float32);
  int biases = 0;
  for (const LinearPart& part : linears_of(model->parts())) {
    const nn::Linear* layer = std::get<nn::Linear*>(part.linear);
    if (!layer->bias) continue;
    ++biases;
    EXPECT_EQ(layer->bias->dtype(), mx::float32) << layer->path;
  }
  EXPECT_GT(biases, 0);
}

// A copy of the base fixture with another config.
class LlamaConfig : public ::testing::Test {
 protected:
  LlamaConfig() {
    fs::copy(kFixtures / "base", folder_.path(), fs::copy_options::recursive);
    config_ = io::read_json_object(folder_.path() / "config.json");
  }
  void write() { write_text(folder_.path() / "config.json", config_.dump()); }
  void load() { load_model(io::ModelFolder::open(folder_.path())); }

  TempFolder folder_;
  json config_;
};

TEST_F(LlamaConfig, ModelTypeThatIsNotKnownIsNamedWithTheList) {
  config_["model_type"] = "gpt_neox";
  write();
  expect_error([&] { load(); }, {"gpt_neox", "supported: gemma, ", "llama"});
}

TEST_F(LlamaConfig, RopeTypeThatIsNotKnownIsNamedWithTheList) {
  config_["rope_parameters"]["rope_type"] = "spiral";
  write();
  expect_error([&] { load(); }, {"'spiral'", "default, linear, dynamic, llama3, yarn, longrope"});
}

TEST_F(LlamaConfig, ActivationThatIsNotSupportedIsNamed) {
  config_["hidden_act"] = "relu";
  write();
  expect_error([&] { load(); }, {"hidden_act", "'relu'", "supported: silu, gelu"});
}

TEST_F(LlamaConfig, TensorOfAnotherShapeIsNamedWithBoth) {
  config_["intermediate_size"] = 24;
  write();
  expect_error([&] { load(); }, {"model.layers.0.mlp.gate_proj.weight", "[20, 32]", "[24, 32]"});
}

TEST_F(LlamaConfig, MissingTensorIsNamed) {
  config_["num_hidden_layers"] = 3;
  write();
  expect_error([&] { load(); }, {"model.layers.2.", "missing"});
}

TEST_F(LlamaConfig, SurplusTensorIsNamed) {
  config_["num_hidden_layers"] = 1;
  write();
  expect_error([&] { load(); }, {"model.layers.1.", "belongs to no part"});
}

TEST_F(LlamaConfig, FieldsOfTheWrongKindAreNamed) {
  config_["num_attention_heads"] = "four";
  write();
  expect_error([&] { load(); }, {"num_attention_heads", "positive integer", "\"four\""});
  config_["num_attention_heads"] = -4;
  write();
  expect_error([&] { load(); }, {"num_attention_heads", "-4"});
  config_["num_attention_heads"] = 3;
  write();
  expect_error([&] { load(); }, {"num_attention_heads 3", "num_key_value_heads 2"});
}

}  // namespace
}  // namespace graft::models
