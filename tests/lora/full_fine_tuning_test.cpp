// Weights that are trained as they are: their gradients against PyTorch's
// (scripts/fixtures/full_gradients.py), their files, and the models that are made of them.

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <numeric>
#include <set>

#include "graft/io/json.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/fuse_model.h"
#include "graft/lora/merge.h"
#include "graft/lora/trained_weights.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/model_parity.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::distance;
using testing::expect_error;
using testing::Expected;
using testing::TempFolder;

const fs::path kFullFamilies = testing::fixture("families");

std::vector<std::string> variants_with_gradients() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(kFullFamilies)) {
    if (fs::exists(entry.path() / "full_gradients.safetensors")) {
      all.push_back(entry.path().filename().string());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

LoraSettings full(std::vector<std::string> extra = {"outside"}, int layers = -1) {
  LoraSettings settings;
  settings.type = FineTuneType::full;
  settings.num_layers = layers;
  settings.extra = std::move(extra);
  return settings;
}

// A fixture's model.
struct Tiny {
  explicit Tiny(const std::string& name) {
    testing::write_named_checkpoint(kFullFamilies / name, folder.path());
    model = models::load_model(io::ModelFolder::open(folder.path()), mx::float32);
  }

  TempFolder folder;
  std::unique_ptr<models::Model> model;
};

mx::array logits_of(models::Model& model, const Expected& expected) {
  mx::array found = models::logits(model, expected.ids, model.context(expected.sequences));
  found.eval();
  return found;
}

// Other numbers in all of the trained weights.
void change(const Adapters& adapters) {
  std::vector<mx::array> values;
  for (const models::Parameter& p : adapters.parameters().all()) {
    values.push_back(mx::multiply(*p.place, mx::array(1.125f)));
  }
  mx::eval(values);
  adapters.parameters().set(values);
}

std::vector<std::string> names(const Adapters& adapters) {
  std::vector<std::string> all;
  for (const models::Parameter& p : adapters.parameters().all()) all.push_back(p.name);
  return all;
}

class FullFineTuning : public ::testing::TestWithParam<std::string> {
 protected:
  void check(bool cpu_kernels) const {
    const ops::KernelsScope backend(cpu_kernels ? ops::Kernels::own : ops::Kernels::mlx);
    const fs::path fixture = kFullFamilies / GetParam();
    const Expected expected(fixture / "expected.safetensors");
    const io::SafetensorsFile wanted(fixture / "full_gradients.safetensors");
    Tiny tiny(GetParam());
    const Adapters adapters = attach(*tiny.model, full());
    const models::ParameterSet& trained = adapters.parameters();
    EXPECT_EQ(trained.all().size() + 1, wanted.names().size());
    std::vector<int> all(trained.all().size());
    std::iota(all.begin(), all.end(), 0);
    const std::vector<mx::array> values = trained.values();
    models::Context context = tiny.model->context(expected.sequences);
    auto [loss, gradients] = mx::value_and_grad(
        [&](const std::vector<mx::array>& parameters) -> std::vector<mx::array> {
          trained.set(parameters);
          const mx::array hidden = models::LayerRunner(*tiny.model).hidden(expected.ids, context);
          return {ops::head_loss(hidden, tiny.model->head(hidden, {}), expected.targets(),
                                 expected.weight(), ops::LossGradient::of_sum)
                      .sum};
        },
        all)(values);
    trained.set(values);
    mx::eval(gradients);
    const float loss_of_torch = wanted.load("loss").item<float>();
    EXPECT_NEAR(loss[0].item<float>(), loss_of_torch, testing::kParity * loss_of_torch);
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string name = "grad." + trained.all()[i].name;
      ASSERT_TRUE(wanted.has(name)) << name;
      EXPECT_LT(distance(gradients[i], wanted.load(name)), testing::kParity) << name;
    }
  }
};

TEST_P(FullFineTuning, GradientsOfAllWeightsAreThoseOfTransformers) {
  if (!ops::has_cpu_kernels()) GTEST_SKIP() << "built without kernels";
  check(true);
}

TEST_P(FullFineTuning, SoAreThoseOfMlxOperations) { check(false); }

// Written in every layout that holds them and read into another model: the same logits; and so has
// the model that is made of them.
TEST_P(FullFineTuning, FilesAndFusedModelsAreTheTrainedOne) {
  const Expected expected(kFullFamilies / GetParam() / "expected.safetensors");
  Tiny trained(GetParam());
  const Adapters adapters = attach(*trained.model, full());
  change(adapters);
  const mx::array wanted = logits_of(*trained.model, expected);
  EXPECT_GT(distance(wanted, expected.file.load("logits")), 1e-3);
  TempFolder files;
  for (const char* name : {"a.npz", "a.safetensors", "adapters.safetensors"}) {
    save_adapter_file(files / name, adapters);
    const AdapterFile file = read_adapter_file(files / name);
    EXPECT_EQ(file.settings->type, FineTuneType::full);
    EXPECT_TRUE(file.tensors.empty());
    Tiny other(GetParam());
    const Adapters read = apply(*other.model, file);
    EXPECT_EQ(names(read), names(adapters)) << name;
    EXPECT_TRUE(testing::same_bits(logits_of(*other.model, expected), wanted)) << name;
  }
  const io::ModelFolder source = io::ModelFolder::open(trained.folder.path());
  fuse_model(source, *trained.model, adapters, {files / "fused"}, {});
  const auto fused = models::load_model(io::ModelFolder::open(files / "fused"), mx::float32);
  EXPECT_LT(distance(logits_of(*fused, expected), wanted), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(All, FullFineTuning, ::testing::ValuesIn(variants_with_gradients()),
                         [](const auto& test) { return test.param; });

TEST(TrainedWeights, AreThoseOfTheLastLayersAndOfWhatIsNamedBeside) {
  const auto chosen = [](const LoraSettings& settings) {
    Tiny tiny("phi");
    const std::vector<std::string> all = names(attach(*tiny.model, settings));
    return std::set<std::string>(all.begin(), all.end());
  };
  const auto last = chosen(full({}, 1));
  EXPECT_EQ(last.size(), 14u);  // six linear layers and a norm, with biases
  for (const std::string& name : last) EXPECT_TRUE(name.starts_with("model.layers.1.")) << name;
  EXPECT_EQ(chosen(full({"outside"}, 1)).size(), 19u);
  EXPECT_EQ(chosen(full({"embed_tokens"}, 1)).count("model.embed_tokens.weight"), 1u);
  LoraSettings beside;
  beside.num_layers = 1;
  beside.keys = {"q_proj"};
  beside.extra = {"norms"};
  EXPECT_EQ(chosen(beside), (std::set<std::string>{"model.layers.1.input_layernorm.bias",
                                                   "model.layers.1.input_layernorm.weight",
                                                   "model.layers.1.self_attn.q_proj.lora_a",
                                                   "model.layers.1.self_attn.q_proj.lora_b"}));
  beside.extra = {"biases", "lm_head"};
  const auto biases = chosen(beside);
  EXPECT_EQ(biases.size(), 2u + 6u + 2u);
  EXPECT_EQ(biases.count("model.layers.1.mlp.fc1.bias"), 1u);
  EXPECT_EQ(biases.count("lm_head.weight"), 1u);
}

TEST(TrainedWeights, ThatAreNoneAreRefusedByName) {
  Tiny tiny("qwen2");
  expect_error<UsageError>([&] { attach(*tiny.model, full({"normz"})); },
                           {"normz names nothing", "norms, biases, outside", "mlp.up_proj"});
}

TEST(TrainedWeights, BesideAdaptersAreInGraftsOwnLayouts) {
  const Expected expected(kFullFamilies / "qwen2" / "expected.safetensors");
  Tiny trained("qwen2");
  LoraSettings settings;
  settings.num_layers = -1;
  settings.keys = {"q_proj"};
  settings.extra = {"norms", "biases", "lm_head", "k_proj", "q_proj"};
  const Adapters adapters = attach(*trained.model, settings);
  change(adapters);
  const mx::array wanted = logits_of(*trained.model, expected);
  TempFolder files;
  for (const char* name : {"a.npz", "a.safetensors"}) {
    save_adapter_file(files / name, adapters);
    const AdapterFile file = read_adapter_file(files / name);
    EXPECT_EQ(file.settings->extra, settings.extra);
    Tiny other("qwen2");
    const Adapters read = apply(*other.model, file);
    EXPECT_EQ(names(read), names(adapters));
    EXPECT_TRUE(testing::same_bits(logits_of(*other.model, expected), wanted)) << name;
    expect_error([&] { merged({{file, 0.5f}}); }, "cannot be added up or weighed");
  }
  AdapterOrigin origin;
  origin.base.model_type = "qwen2";
  origin.base.head_dim = 8;
  for (const auto& [name, message] :
       {std::pair{"adapters.safetensors", "mlx-lm takes no weights"},
        std::pair{"adapter_model.safetensors",
                  "does not hold model.layers.0.self_attn.q_proj.weight beside an adapter"},
        std::pair{"a.gguf", "llama.cpp takes no weights"}}) {
    expect_error([&, n = name] { save_adapter_file(files / n, adapters, origin); }, message);
    EXPECT_FALSE(fs::exists(files / name));
  }
  const io::ModelFolder source = io::ModelFolder::open(trained.folder.path());
  fuse_model(source, *trained.model, adapters, {files / "fused"}, {});
  const auto fused = models::load_model(io::ModelFolder::open(files / "fused"), mx::float32);
  EXPECT_LT(distance(logits_of(*fused, expected), wanted), 1e-4);
}

TEST(TrainedWeights, OfAnotherModelAreRefusedByName) {
  Tiny one("llama_yarn"), other("qwen2");
  TempFolder files;
  const Adapters adapters = attach(*one.model, full());
  save_adapter_file(files / "a.npz", adapters);
  AdapterFile file = read_adapter_file(files / "a.npz");
  const auto name = std::string("model.layers.0.mlp.up_proj.weight");
  file.weights.insert_or_assign(name, AdapterTensor(mx::ones({3, 4})));
  expect_error([&] { apply(*other.model, file); }, {name, "[3, 4]", "the model's is"});
  file.weights.erase(name);
  file.weights.insert({"model.layers.9.mlp.up_proj.weight", AdapterTensor(mx::ones({3, 4}))});
  expect_error([&] { apply(*other.model, file); }, "the model has no weight model.layers.9");
  file.weights.erase("model.layers.9.mlp.up_proj.weight");
  file.weights.insert_or_assign("model.norm.weight", AdapterTensor(mx::full({16}, NAN)));
  expect_error([&] { apply(*other.model, file); }, {"model.norm.weight"});
}

TEST(MlxLmFolder, OfFullFineTuningSaysSo) {
  Tiny tiny("llama_yarn");
  TempFolder files;
  save_adapter_file(files / "adapters.safetensors", attach(*tiny.model, full({}, 1)));
  const json config = io::read_json_object(files / "adapter_config.json");
  EXPECT_EQ(config.at("fine_tune_type"), "full");
  EXPECT_EQ(config.at("num_layers"), 1);
  EXPECT_TRUE(config.at("lora_parameters").is_null());
  // As mlx-lm writes it, without graft's metadata.
  std::map<std::string, mx::array> tensors;
  {
    const io::SafetensorsFile source(files / "adapters.safetensors");
    for (const std::string& name : source.names()) tensors.insert({name, source.load(name)});
    for (auto& [name, tensor] : tensors) tensor = mx::multiply(tensor, mx::array(1.0f));
    for (auto& [name, tensor] : tensors) tensor.eval();
  }
  io::save_safetensors(files / "adapters.safetensors", tensors, {});
  const AdapterFile file = read_adapter_file(files / "adapters.safetensors");
  EXPECT_EQ(file.settings->type, FineTuneType::full);
  EXPECT_EQ(file.weights.size(), tensors.size());
  fs::remove(files / "adapter_config.json");
  expect_error([&] { apply(*tiny.model, read_adapter_file(files / "adapters.safetensors")); },
               "is no part of a LoRA adapter");
}

}  // namespace
}  // namespace graft::lora
