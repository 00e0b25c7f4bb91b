#include "graft/lora/adapters.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <cmath>

#include "graft/io/json.h"
#include "graft/io/npz.h"
#include "graft/io/safetensors.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/difference.h"
#include "graft/lora/fingerprint.h"
#include "graft/lora/fuse.h"
#include "graft/lora/layer_pairs.h"
#include "graft/lora/merge.h"
#include "graft/models/registry.h"
#include "tests/support/arrays.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::expect_error;
using testing::read_bytes;
using testing::same_bits;
using testing::TempFolder;

const fs::path kBase = testing::fixture("llama/base");

std::unique_ptr<models::Model> base() { return models::load_model(io::ModelFolder::open(kBase)); }

LoraSettings settings(int layers, std::vector<std::string> keys) {
  LoraSettings s;
  s.rank = 4;
  s.num_layers = layers;
  s.keys = std::move(keys);
  return s;
}

std::vector<std::string> names_of(const Adapters& adapters) {
  std::vector<std::string> names;
  for (const models::Parameter& parameter : adapters.parameters().all()) {
    names.push_back(parameter.name);
  }
  return names;
}

LoraSettings dora_settings(float dropout = 0) {
  LoraSettings s = settings(1, {"q_proj", "down_proj"});
  s.type = FineTuneType::dora;
  s.dropout = dropout;
  return s;
}

// With numbers as a training leaves them.
Adapters trained_dora(models::Model& model, float dropout = 0) {
  mx::random::seed(4);
  Adapters adapters = attach(model, dora_settings(dropout));
  std::vector<mx::array> values;
  for (const models::Parameter& p : adapters.parameters().all()) {
    const mx::array more = mx::random::normal(p.place->shape());
    values.push_back(mx::add(*p.place, mx::multiply(mx::array(0.05f), more)));
  }
  mx::eval(values);
  adapters.parameters().set(values);
  return adapters;
}

TEST(Dora, BeginsAsTheModelAndHasItsNorms) {
  auto model = base();
  mx::random::seed(4);
  const Adapters adapters = attach(*model, dora_settings());
  EXPECT_EQ(names_of(adapters),
            (std::vector<std::string>{
                "model.layers.1.mlp.down_proj.lora_a", "model.layers.1.mlp.down_proj.lora_b",
                "model.layers.1.mlp.down_proj.m", "model.layers.1.self_attn.q_proj.lora_a",
                "model.layers.1.self_attn.q_proj.lora_b", "model.layers.1.self_attn.q_proj.m"}));
  for (const models::LinearPart& linear : adapters.linears()) {
    const mx::array weight = ops::dequantized(linear.weight(), mx::float32);
    EXPECT_LT(
        testing::distance(linear.adapter()->magnitude->m, mx::sqrt(mx::sum(mx::square(weight), 1))),
        1e-6);
    EXPECT_TRUE(same_bits(linear.adapter()->magnitude->m, linear.adapter()->magnitude->norms));
  }
}

// As it is defined, on the layer's own numbers; the norms follow the parameters that are set.
TEST(Dora, IsTheWeightWithOtherNorms) {
  auto model = base();
  const Adapters adapters = trained_dora(*model);
  for (const models::LinearPart& linear : adapters.linears()) {
    const nn::Linear& layer = *std::get<nn::Linear*>(linear.linear);
    const mx::array x = mx::random::normal({5, layer.in()});
    const mx::array y = nn::project(x, {&layer}, {})[0];
    const mx::array fused = fused_weight(layer, {FusedFormat::Kind::dense}).weight;
    EXPECT_LT(
        testing::distance(mx::sqrt(mx::sum(mx::square(fused), 1)), layer.adapter->magnitude->m),
        1e-5);
    EXPECT_LT(testing::distance(y, mx::matmul(x, mx::transpose(fused))), 1e-5);
  }
}

// As PEFT has it: w x + (g - 1) w x' + g s (x' a) b of the x' that dropout leaves.
TEST(Dora, DropoutIsThatOfPeft) {
  auto model = base();
  const Adapters adapters = trained_dora(*model, 0.4f);
  for (const models::LinearPart& linear : adapters.linears()) {
    const nn::Linear& layer = *std::get<nn::Linear*>(linear.linear);
    const nn::LoraAdapter& its = *layer.adapter;
    const nn::DropoutKey key{3, 1};
    const mx::array x = mx::random::normal({5, layer.in()});
    const mx::array dropped = nn::dropout(x, its.dropout, key, layer.path);
    const mx::array w = mx::transpose(ops::dequantized(layer.weight, mx::float32));
    const mx::array g = mx::divide(its.magnitude->m, its.magnitude->norms);
    const mx::array update =
        mx::multiply(mx::array(its.scale), mx::matmul(mx::matmul(dropped, its.a), its.b));
    const mx::array expected =
        mx::add(mx::add(mx::matmul(x, w),
                        mx::multiply(mx::subtract(g, mx::array(1.0f)), mx::matmul(dropped, w))),
                mx::multiply(g, update));
    EXPECT_LT(testing::distance(nn::project(x, {&layer}, key)[0], expected), 1e-5);
  }
}

TEST(Dora, StandsInItsFileAndComesBack) {
  TempFolder folder;
  auto model = base(), again = base();
  const Adapters adapters = trained_dora(*model);
  for (const char* name : {"a.npz", "a.safetensors", "adapters.safetensors"}) {
    SCOPED_TRACE(name);
    save_adapter_file(folder / name, adapters);
    const Adapters back = apply(*again, read_adapter_file(folder / name));
    EXPECT_EQ(back.settings().type, FineTuneType::dora);
    EXPECT_EQ(names_of(back), names_of(adapters));
    for (size_t i = 0; i < back.linears().size(); ++i) {
      EXPECT_TRUE(same_bits(back.linears()[i].adapter()->magnitude->norms,
                            adapters.linears()[i].adapter()->magnitude->norms));
    }
    detach(*again);
  }
  EXPECT_EQ(io::read_json_object(folder / "adapter_config.json")["fine_tune_type"], "dora");
}

TEST(Dora, WhatHasNoSumIsRefused) {
  TempFolder folder;
  auto model = base();
  save_adapter_file(folder / "a.npz", trained_dora(*model));
  const AdapterFile file = read_adapter_file(folder / "a.npz");
  EXPECT_EQ(merged({{file, 1}}).tensors.size(), file.tensors.size());
  expect_error([&] { merged({{file, 0.5f}}); }, {"a.npz", "DoRA", "graft fuse"});
  expect_error([&] { merged({{file, 1}, {file, 1}}); }, {"a.npz", "DoRA"});
  expect_error([&] { truncated(file, 2); }, {"a.npz", "DoRA"});
  EXPECT_TRUE(difference(file, file).same);
  AdapterFile other = file;
  const std::string m = "model.layers.1.self_attn.q_proj.m";
  other.tensors.at(m) = mx::multiply(file.tensors.at(m).load(), mx::array(1.5f));
  EXPECT_FALSE(difference(file, other).same);
  EXPECT_LT(difference(file, other).between, 1e-4);
  EXPECT_GT(difference(file, other).magnitudes, 0.1);
  std::erase_if(other.tensors, [](const auto& t) { return t.first.ends_with(".m"); });
  expect_error([&] { difference(file, other); }, {"a.npz", "comparison"});
  other = file;
  other.tensors.erase(m);
  expect_error([&] { apply(*model, other); }, {"q_proj.m is missing"});
  other.tensors.insert({m, mx::ones({3})});
  expect_error([&] { apply(*model, other); }, {"q_proj", "[3]"});
}

TEST(Attach, AdaptsTheLastLayersByDottedSuffix) {
  auto model = base();
  Adapters adapters = attach(*model, settings(1, {"self_attn.q_proj", "v_proj"}));
  EXPECT_EQ(names_of(adapters), (std::vector<std::string>{
                                    "model.layers.1.self_attn.q_proj.lora_a",
                                    "model.layers.1.self_attn.q_proj.lora_b",
                                    "model.layers.1.self_attn.v_proj.lora_a",
                                    "model.layers.1.self_attn.v_proj.lora_b",
                                }));
  EXPECT_EQ(adapters.parameters().first_layer(2), 1);
  EXPECT_EQ(adapters.parameters().count(), 4u * (32 + 32) + 4u * (32 + 16));
}

TEST(Detach, LeavesTheModelAsItWas) {
  auto model = base();
  attach(*model, settings(-1, {"all"}));
  detach(*model);
  EXPECT_TRUE(Adapters(*model, settings(-1, {"all"})).linears().empty());
  EXPECT_EQ(attach(*model, settings(1, {"v_proj"})).linears().size(), 1u);
}

TEST(Attach, AllMeansEveryLinearLayer) {
  auto model = base();
  EXPECT_EQ(attach(*model, settings(-1, {"all"})).linears().size(), 14u);
}

TEST(Attach, ASuffixEndsAtADot) {
  auto model = base();
  expect_error<UsageError>([&] { attach(*model, settings(1, {"_proj"})); },
                           {"'_proj'", "self_attn.q_proj", "mlp.down_proj"});
}

TEST(Attach, RefusesMoreLayersThanThereAre) {
  auto model = base();
  expect_error<UsageError>([&] { attach(*model, settings(3, {"q_proj"})); }, {"3", "2 layers"});
  expect_error<UsageError>([&] { attach(*model, settings(0, {"q_proj"})); }, "adapts nothing");
}

TEST(Attach, StartsUniformAndWithoutEffect) {
  auto model = base();
  mx::random::seed(1);
  Adapters adapters = attach(*model, settings(-1, {"all"}));
  for (const models::LinearPart& part : adapters.linears()) {
    const nn::Linear* linear = std::get<nn::Linear*>(part.linear);
    float bound = 1 / std::sqrt(static_cast<float>(linear->in()));
    mx::array most = mx::max(mx::abs(linear->adapter->a));
    EXPECT_LE(most.item<float>(), bound);
    EXPECT_GT(most.item<float>(), 0.9f * bound);
    EXPECT_EQ(mx::max(mx::abs(linear->adapter->b)).item<float>(), 0.0f);
  }
}

class AdapterFiles : public ::testing::TestWithParam<const char*> {
 protected:
  AdapterFiles() {
    mx::random::seed(4);
    LoraSettings s = settings(1, {"q_proj", "up_proj"});
    s.scale = 7.5f;
    s.dropout = 0.25f;
    adapters_ = std::make_unique<Adapters>(attach(*model_, s));
    std::vector<mx::array> values;
    for (const mx::array& v : adapters_->parameters().values())
      values.push_back(mx::random::normal(v.shape()));
    mx::eval(values);
    adapters_->parameters().set(values);
    save_adapter_file(path_, *adapters_, {"0123456789abcdef"});
  }

  TempFolder folder_;
  fs::path path_ = folder_ / (std::string("a") + GetParam());
  std::unique_ptr<models::Model> model_ = base();
  std::unique_ptr<Adapters> adapters_;
};

TEST_P(AdapterFiles, ComeBackWithValuesAndSettings) {
  auto other = base();
  AdapterFile file = read_adapter_file(path_);
  EXPECT_EQ(file.base_fingerprint, "0123456789abcdef");
  Adapters back = apply(*other, file);
  EXPECT_EQ(names_of(back), names_of(*adapters_));
  for (size_t i = 0; i < names_of(back).size(); ++i) {
    EXPECT_TRUE(same_bits(back.parameters().values()[i], adapters_->parameters().values()[i]))
        << names_of(back)[i];
  }
  EXPECT_EQ(back.settings().scale, 7.5f);
  EXPECT_EQ(back.settings().rank, 4);
  EXPECT_EQ(back.settings().dropout, 0.25f);
  EXPECT_EQ(back.settings().keys, adapters_->settings().keys);
  EXPECT_EQ(back.linears()[0].adapter()->scale, 7.5f);
}

// A zip's comment has a bound, and an adapter may be resumed very often.
TEST_P(AdapterFiles, TellTheLastOfVeryManyTrainings) {
  io::Provenance many;
  for (int i = 0; i < 500; ++i) {
    many.steps.push_back(
        {"graft lora", "0", {{"seed", std::to_string(i)}, {"x", std::string(200, 'x')}}});
  }
  save_adapter_file(path_, *adapters_, {"0123456789abcdef", many});
  const io::Provenance back = read_adapter_file(path_).provenance;
  EXPECT_GT(back.steps.size(), 50u);
  EXPECT_LT(back.steps.size(), 500u);
  EXPECT_EQ(back.steps.back().facts, many.steps.back().facts);
}

// Scales come before what else is told: hundreds of layers may have one of their own.
TEST_P(AdapterFiles, HoldTheScalesOfHundredsOfLayers) {
  AdapterFile file = read_adapter_file(path_);
  for (int i = 0; i < 30; ++i) {
    file.provenance.steps.push_back({"graft lora", "0", {{"x", std::string(1000, 'x')}}});
  }
  file.config["note"] = std::string(16000, 'x');
  const auto scale_of = [](int i) { return 1 + 0.1f * static_cast<float>(i); };
  for (int i = 0; i < 600; ++i) {
    file.scales[fmt::format("model.layers.{}.self_attn.q_proj", i)] = scale_of(i);
  }
  write_adapter_file(file);
  const AdapterFile back = read_adapter_file(path_);
  ASSERT_EQ(back.scales.size(), 600u);
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(back.scales.at(fmt::format("model.layers.{}.self_attn.q_proj", i)), scale_of(i));
  }
  EXPECT_EQ(back.settings->scale, 7.5f);
  EXPECT_EQ(back.config.contains("note"), path_.extension() != ".npz");
  for (int i = 600; i < 4000; ++i) {
    file.scales[fmt::format("model.layers.{}.self_attn.q_proj", i)] = scale_of(i);
  }
  if (path_.extension() != ".npz") return write_adapter_file(file);
  const std::string before = read_bytes(path_);
  expect_error([&] { write_adapter_file(file); },
               {path_.string(), "scales of 4000 layers do not fit", ".safetensors"});
  EXPECT_EQ(read_bytes(path_), before);
}

TEST_P(AdapterFiles, AreTheSameBytesEachTime) {
  std::string first = read_bytes(path_);
  save_adapter_file(path_, *adapters_, {"0123456789abcdef"});
  EXPECT_EQ(read_bytes(path_), first);
}

TEST_P(AdapterFiles, OfAnotherModelNameTheTensorAndBothShapes) {
  auto other = models::load_model(io::ModelFolder::open(kBase.parent_path() / "head_dim"));
  expect_error([&] { apply(*other, read_adapter_file(path_)); },
               {"model.layers.1.self_attn.q_proj.lora_b", "[4, 32]", "[4, 48]", "another model"});
  EXPECT_THROW(check_fits(*other, read_adapter_file(path_)), Error);
  for (const models::LinearPart& linear : models::linears_of(other->parts())) {
    EXPECT_FALSE(linear.adapter());
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, AdapterFiles, ::testing::Values(".npz", ".safetensors"),
                         [](const auto& format) { return std::string(format.param).substr(1); });

// mlx-lm's layout has the largest rank throughout: one layer's may not make the others' gigabytes.
TEST(AdapterFile, ARankThatWouldPadTheOthersWithoutBoundIsRefused) {
  AdapterFile file;
  TempFolder folder;
  file.path = folder / "adapters.safetensors";
  file.settings = LoraSettings{};
  const auto add = [&](const std::string& layer, int in, int rank, int out) {
    const auto of_shape = [](const mx::Shape& shape) {
      return AdapterTensor{shape, [shape] { return mx::zeros(shape); }};
    };
    file.tensors.insert_or_assign(layer + ".lora_a", of_shape({in, rank}));
    file.tensors.insert_or_assign(layer + ".lora_b", of_shape({rank, out}));
  };
  for (int i = 0; i < 40; ++i) add(fmt::format("model.layers.{}.self_attn.q_proj", i), 256, 8, 256);
  add("model.layers.40.self_attn.q_proj", 1, 1 << 20, 1);
  expect_error([&] { write_adapter_file(file); },
               {file.path.string(), "ranks of 8 to 1048576", "GB", ".npz"});
  EXPECT_FALSE(fs::exists(file.path));
  add("model.layers.40.self_attn.q_proj", 256, 64, 256);
  write_adapter_file(file);
  EXPECT_EQ(read_adapter_file(file.path).tensors.at("model.layers.0.self_attn.q_proj.lora_a").shape,
            (mx::Shape{256, 64}));
}

TEST(AdapterFile, WithoutSettingsTakesRankFromShapesAndScaleTwenty) {
  auto model = base();
  AdapterFile file;
  file.path = "bare.npz";
  std::string at = "model.layers.0.self_attn.v_proj.";
  file.tensors.insert({at + "lora_a", mx::ones({32, 3})});
  file.tensors.insert({at + "lora_b", mx::ones({3, 16})});
  Adapters adapters = apply(*model, file);
  EXPECT_EQ(adapters.settings().rank, 3);
  EXPECT_EQ(adapters.linears()[0].adapter()->scale, 20.0f);
}

TEST(AdapterFile, SettingsOutOfRangeAreErrors) {
  TempFolder folder;
  std::map<std::string, mx::array> tensors = {
      {"model.layers.0.self_attn.v_proj.lora_a", mx::ones({32, 3})},
      {"model.layers.0.self_attn.v_proj.lora_b", mx::ones({3, 16})}};
  auto read = [&](const std::string& settings) {
    io::save_npz(folder / "a.npz", tensors, "{\"graft_adapter\": " + settings + "}");
    return read_adapter_file(folder / "a.npz");
  };
  EXPECT_EQ(read(R"({"rank": 3, "scale": 2, "num_layers": -1})").settings->num_layers, -1);
  expect_error([&] { read(R"({"rank": 3, "scale": 2, "num_layers": 1e300})"); },
               {"a.npz: its settings", "num_layers must be an integer of at least -1"});
  expect_error([&] { read(R"({"rank": 3, "scale": 2, "num_layers": -2})"); }, "num_layers");
  expect_error([&] { read(R"({"rank": 4294967304, "scale": 2})"); }, "rank must be a positive");
  expect_error([&] { read(R"({"rank": 3, "scale": 1e300})"); }, "scale is too large");
  for (const char* dropout : {"1", "-0.1", "7"}) {
    expect_error([&] { read(fmt::format(R"({{"rank": 3, "scale": 1, "dropout": {}}})", dropout)); },
                 "dropout must be at least 0 and below 1");
  }
}

TEST(AdapterFile, ThatIsNoneIsNamed) {
  TempFolder folder;
  expect_error([&] { read_adapter_file(folder / "no.npz"); }, "there is no adapter file");
  expect_error<UsageError>([&] { read_adapter_file(folder / "a.bin"); },
                           ".npz, .safetensors or .gguf");
  testing::write_bytes(folder / "bad.npz", "not a zip");
  expect_error([&] { read_adapter_file(folder / "bad.npz"); }, "bad.npz");
  auto model = base();
  AdapterFile half;
  half.path = "half.npz";
  half.tensors.insert({"model.layers.0.self_attn.v_proj.lora_a", mx::ones({32, 3})});
  expect_error([&] { apply(*model, half); }, {"half.npz", "v_proj.lora_b is missing"});
  AdapterFile foreign;
  foreign.path = "weights.npz";
  foreign.tensors.insert({"model.norm.weight", mx::ones({32})});
  expect_error([&] { apply(*model, foreign); }, {"model.norm.weight", "no part of a LoRA adapter"});
  AdapterFile deeper;
  deeper.path = "deeper.npz";
  deeper.tensors.insert({"model.layers.9.self_attn.v_proj.lora_a", mx::ones({32, 3})});
  deeper.tensors.insert({"model.layers.9.self_attn.v_proj.lora_b", mx::ones({3, 16})});
  expect_error([&] { apply(*model, deeper); }, {"model.layers.9", "another model"});
}

// mlx-lm's settings lie in a file beside the adapter.
class MlxLmConfigTest : public ::testing::Test {
 protected:
  MlxLmConfigTest() {
    const std::string at = "model.layers.1.self_attn.q_proj.";
    io::save_safetensors(path_,
                         {{at + "lora_a", mx::ones({32, 4})}, {at + "lora_b", mx::ones({4, 32})}});
  }
  void config(const char* text) { testing::write_bytes(folder_ / "adapter_config.json", text); }

  TempFolder folder_;
  fs::path path_ = folder_ / "adapters.safetensors";
};

TEST_F(MlxLmConfigTest, IsObeyed) {
  EXPECT_FALSE(read_adapter_file(path_).settings);
  config(R"({"fine_tune_type": "lora", "num_layers": 1,
             "lora_parameters": {"rank": 4, "scale": 2.5, "dropout": 0.25, "keys": ["self_attn.q_proj"]}})");
  const AdapterFile file = read_adapter_file(path_);
  ASSERT_TRUE(file.settings);
  EXPECT_EQ(file.settings->scale, 2.5f);
  EXPECT_EQ(file.settings->dropout, 0.25f);
  EXPECT_EQ(file.settings->num_layers, 1);
  EXPECT_EQ(file.settings->keys, std::vector<std::string>{"self_attn.q_proj"});
}

// mlx-lm's checkpoints: one config for all.
TEST_F(MlxLmConfigTest, IsThatOfNumberedCheckpointsToo) {
  fs::copy_file(path_, folder_ / "0000100_adapters.safetensors");
  config(R"({"num_layers": 1, "lora_parameters": {"rank": 4, "scale": 10}})");
  EXPECT_EQ(read_adapter_file(folder_ / "0000100_adapters.safetensors").settings->scale, 10.0f);
}

TEST_F(MlxLmConfigTest, OfAnotherKindIsRefused) {
  const auto refused = [&](const char* text, const char* says) {
    config(text);
    expect_error([&] { read_adapter_file(path_); }, {"adapter_config.json", says});
  };
  refused(R"({"fine_tune_type": "dora", "lora_parameters": {"rank": 4, "scale": 2}})",
          "lacks DoRA's magnitudes");
  refused(R"({"fine_tune_type": "full", "lora_parameters": {"rank": 4, "scale": 2}})", "full");
  refused(R"({"peft_type": "LORA", "r": 4})", "PEFT");
  refused(R"({"lora_parameters": {"rank": 4}})", "scale is missing");
  refused(R"({"lora_parameters": 3})", "must be an object");
  refused(R"({"lora_parameters": {"rank": 4, "scale": 1e39}})", "out of range");
  config("{}");
  EXPECT_FALSE(read_adapter_file(path_).settings);
}

TEST_F(MlxLmConfigTest, IsWrittenBesideTheAdapterThatMlxLmReads) {
  auto model = base();
  const Adapters adapters = attach(*model, settings(1, {"q_proj", "down_proj"}));
  save_adapter_file(folder_ / "sql.safetensors", adapters);
  EXPECT_FALSE(fs::exists(folder_ / "adapter_config.json"));
  save_adapter_file(path_, adapters);
  save_adapter_file(path_, adapters);  // it is graft's own
  const json config = io::read_json_object(folder_ / "adapter_config.json");
  EXPECT_EQ(config["num_layers"], 1);
  EXPECT_EQ(config["lora_parameters"]["rank"], 4);
  EXPECT_EQ(config["lora_parameters"]["scale"], 20.0);
  EXPECT_EQ(config["lora_parameters"]["keys"], json({"mlp.down_proj", "self_attn.q_proj"}));
  EXPECT_EQ(read_adapter_file(path_).settings->scale, 20.0f);
}

TEST_F(MlxLmConfigTest, ThatContradictsTheAdapterIsRefused) {
  auto model = base();
  save_adapter_file(path_, attach(*model, settings(1, {"q_proj"})));
  config(R"({"lora_parameters": {"rank": 4, "scale": 2}})");
  expect_error([&] { read_adapter_file(path_); },
               "says that its scale is 20, but adapter_config.json beside it 2");
  // It is of that file alone: others in the folder say their own.
  save_adapter_file(folder_ / "sql.safetensors", attach(*base(), settings(1, {"q_proj"})));
  EXPECT_EQ(read_adapter_file(folder_ / "sql.safetensors").settings->scale, 20.0f);
}

TEST_F(MlxLmConfigTest, OfAnotherProgramIsNotReplaced) {
  auto model = base();
  const char* const others = R"({"lora_parameters": {"rank": 4, "scale": 2}})";
  config(others);
  expect_error<UsageError>([&] { check_adapter_path(path_); }, "another program's");
  expect_error<UsageError>(
      [&] { save_adapter_file(path_, attach(*model, settings(1, {"q_proj"}))); },
      "another program's");
  EXPECT_EQ(read_bytes(folder_ / "adapter_config.json"), others);
  check_adapter_path(folder_ / "sql.safetensors");
}

// A small file can claim to hold gigabytes: none is unpacked before all names and shapes fit.
TEST(AdapterFile, ATensorIsLoadedOnlyIfAllFit) {
  auto model = base();
  const std::string at = "model.layers.0.self_attn.q_proj.";
  int loaded = 0;
  const auto tensor = [&](mx::Shape shape) {
    return AdapterTensor(shape, [&loaded, shape] {
      ++loaded;
      return mx::zeros(shape);
    });
  };
  AdapterFile file;
  file.path = "bomb.npz";
  file.tensors.insert({at + "lora_a", tensor({32, 4})});
  file.tensors.insert({at + "lora_b", tensor({4, 1 << 30})});
  expect_error([&] { apply(*model, file); }, "but the model's layer takes");
  file.tensors.erase(at + "lora_b");
  expect_error([&] { apply(*model, file); }, "lora_b is missing");
  EXPECT_EQ(loaded, 0);
  file.tensors.insert({at + "lora_b", tensor({4, 32})});
  apply(*model, file);
  EXPECT_EQ(loaded, 2);
}

TEST(AdapterFile, NumbersThatAreNotFiniteAreRefusedByName) {
  auto model = base();
  const std::string at = "model.layers.0.self_attn.q_proj.";
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    AdapterFile file;
    file.path = "bad.npz";
    file.tensors.insert({at + "lora_a", mx::zeros({32, 4})});
    std::vector<float> numbers(4 * 32, 0.5f);
    numbers[77] = bad;
    file.tensors.insert({at + "lora_b", mx::array(numbers.begin(), {4, 32}, mx::float32)});
    expect_error([&] { apply(*model, file); },
                 "bad.npz: " + at + "lora_b holds numbers that are NaN or infinite");
  }
}

// Nothing is written that a reader would refuse, and the earlier adapter stays.
TEST(AdapterFile, NumbersThatAreNotFiniteAreNotWritten) {
  TempFolder folder;
  const std::string at = "model.layers.0.self_attn.q_proj.";
  AdapterFile good;
  good.settings = LoraSettings{.rank = 4};
  good.base = {"llama", 8};
  good.tensors.insert({at + "lora_a", mx::ones({32, 4})});
  good.tensors.insert({at + "lora_b", mx::ones({4, 32})});
  for (const char* name : {"a.npz", "a.safetensors", "adapters.safetensors", "a.gguf"}) {
    SCOPED_TRACE(name);
    AdapterFile file = good;
    file.path = folder / name;
    write_adapter_file(file);
    const std::string earlier = read_bytes(file.path);
    file.tensors.insert_or_assign(at + "lora_b", mx::full({4, 32}, NAN));
    expect_error([&] { write_adapter_file(file); }, {name, at + "lora_b", "NaN or infinite"});
    file = good;
    file.path = folder / name;
    file.scales[at.substr(0, at.size() - 1)] = INFINITY;
    expect_error([&] { write_adapter_file(file); }, "is too large");
    EXPECT_EQ(read_bytes(file.path), earlier);
    EXPECT_TRUE(read_adapter_file(file.path).settings);
  }
}

TEST(AdapterFile, ShapesThatAreNoAdaptersAreErrors) {
  const auto refused = [](const std::string& layer, mx::Shape a, mx::Shape b, const char* says) {
    AdapterFile file;
    file.path = "a.npz";
    file.settings = LoraSettings{};
    file.tensors.insert({layer + "lora_a", mx::zeros(a)});
    file.tensors.insert({layer + "lora_b", mx::zeros(b)});
    expect_error([&] { layer_pairs(file); }, {"a.npz", says});
    expect_error([&] { merged({{file, 1}, {file, 1}}); }, {"a.npz", says});
    expect_error([&] { write_adapter_file(file); }, {"a.npz", says});
  };
  refused("q.", {32}, {4, 32}, "no adapter together");
  refused("q.", {32, 4}, {4}, "no adapter together");
  refused("q.", {32, 4}, {3, 32}, "no adapter together");
  refused("q.", {32, 0}, {0, 32}, "no adapter together");
  refused("switch_mlp.up_proj.", {2, 4, 32}, {3, 32, 4}, "no adapter together");
  refused("", {32, 4}, {4, 32}, "no part of a LoRA adapter");
}

TEST(Fingerprint, TellsWeightsApart) {
  fs::path fixtures = kBase.parent_path();
  auto of = [&](const char* name) { return fingerprint(io::ModelFolder::open(fixtures / name)); };
  EXPECT_EQ(of("base"), of("base"));
  EXPECT_EQ(of("base"), of("rope_linear"));  // the weights are the same
  EXPECT_NE(of("base"), of("bias"));
  EXPECT_NE(of("base"), of("sharded_bf16"));
  EXPECT_EQ(of("base").size(), 16u);
}

}  // namespace
}  // namespace graft::lora
