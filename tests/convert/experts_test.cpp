#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "graft/base/atomic_file.h"
#include "graft/convert/convert.h"
#include "graft/models/registry.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::convert {
namespace {

namespace mx = mlx::core;

using testing::expect_error;

const fs::path kFixtures = testing::fixture("families");

// The tiny Mixtral of the fixtures, its experts one by one.
class Experts : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    fs::create_directory(source());
    config_ = io::read_json_object(kFixtures / GetParam() / "config.json");
    const json shapes = io::read_json_object(kFixtures / GetParam() / "tensors.json");
    for (const auto& [name, shape] : shapes.items()) {
      const auto sizes = shape.get<std::vector<int>>();
      tensors_.insert({name, testing::named_values(name, mx::Shape(sizes.begin(), sizes.end()))});
    }
  }

  fs::path source() const { return folder_ / "source"; }
  void write() const {
    write_text(source() / "config.json", config_.dump());
    io::save_safetensors(source() / "model.safetensors", tensors_, {{"format", "pt"}});
  }
  io::ModelFolder converted(ConvertOptions options = {}) const {
    write();
    options.hf_path = source();
    options.mlx_path = folder_ / "model";
    convert(options);
    return io::ModelFolder::open(options.mlx_path);
  }
  static mx::array logits(const io::ModelFolder& folder) {
    const std::vector<int32_t> ids = {1, 5, 3, 3, 20, 7};
    auto model = models::load_model(folder, mx::float32);
    mx::array found = models::logits(*model, mx::array(ids.begin(), {6}, mx::int32),
                                     model->context({{0, 6, 0, 6}}));
    found.eval();
    return found;
  }

  testing::TempFolder folder_;
  json config_;
  std::map<std::string, mx::array> tensors_;
};

// transformers knows no stacks: it would make the experts up.
TEST_P(Experts, StayOneByOneInADenseModel) {
  const io::ModelFolder dense = converted();
  EXPECT_EQ(dense.names(), io::ModelFolder::open(source()).names());
  EXPECT_EQ(testing::distance(logits(dense), logits(io::ModelFolder::open(source()))), 0);
}

// Back from a quantized model, whose experts are stacked.
TEST_P(Experts, AreOneByOneAgainWhenDequantized) {
  converted({.quantize = true, .q_bits = 8, .q_group_size = 32});
  convert({.hf_path = folder_ / "model", .mlx_path = folder_ / "again", .dequantize = true});
  const io::ModelFolder again = io::ModelFolder::open(folder_ / "again");
  EXPECT_EQ(again.names(), io::ModelFolder::open(source()).names());
  EXPECT_LT(testing::distance(logits(again), logits(io::ModelFolder::open(folder_ / "model"))),
            1e-2);
}

TEST_P(Experts, AreStackedAsMlxLmHasThem) {
  const io::ModelFolder model = converted({.quantize = true, .q_bits = 8, .q_group_size = 32});
  int stacks = 0;
  for (const std::string& name : model.names()) {
    EXPECT_EQ(name.find(".experts."), std::string::npos) << name;
    if (name.find(".switch_mlp.") == std::string::npos) continue;
    ++stacks;
    EXPECT_EQ(model.info(name).shape.size(), 3u) << name;
  }
  EXPECT_EQ(stacks % 3, 0);
  EXPECT_GT(stacks, 0);
  EXPECT_LT(testing::distance(logits(model), logits(io::ModelFolder::open(source()))), 0.1);
}

// As transformers 5 saves them in its own layout: gate and up of all experts in one tensor.
TEST_P(Experts, InTheLayoutOfTransformers5AreTheSame) {
  const io::ModelFolder before = converted();
  const mx::array expected = logits(before);
  const bool mixtral = config_["model_type"] == "mixtral";
  const std::string block = mixtral ? "block_sparse_moe" : "mlp";
  std::map<std::string, mx::array> fused;
  std::map<std::string, std::vector<mx::array>> gate_up, down;
  for (const auto& [name, tensor] : tensors_) {
    const size_t at = name.find("." + block + ".");
    const size_t expert = name.find(".experts.");
    if (at == std::string::npos || (expert == std::string::npos && !mixtral)) {
      fused.insert({name, tensor});
    } else if (expert == std::string::npos) {
      fused.insert({name.substr(0, at) + ".mlp.gate.weight", tensor});
    } else if (const std::string all = name.substr(0, at) + ".mlp.experts.";
               name.ends_with(mixtral ? ".w2.weight" : ".down_proj.weight")) {
      down[all + "down_proj"].push_back(tensor);
    } else if (name.ends_with(mixtral ? ".w1.weight" : ".gate_proj.weight")) {
      const std::string up = name.substr(0, name.rfind(mixtral ? "w1" : "gate_proj")) +
                             (mixtral ? "w3.weight" : "up_proj.weight");
      gate_up[all + "gate_up_proj"].push_back(mx::concatenate({tensor, tensors_.at(up)}, 0));
    }
  }
  for (const auto& stacks : {gate_up, down}) {
    for (const auto& [name, experts] : stacks) fused.insert({name, mx::stack(experts, 0)});
  }
  ASSERT_FALSE(gate_up.empty() || down.empty());
  tensors_ = fused;
  fs::remove_all(folder_ / "model");
  const io::ModelFolder after = converted();
  EXPECT_EQ(after.names(), before.names());
  EXPECT_EQ(testing::distance(logits(io::ModelFolder::open(source())), expected), 0);
  EXPECT_EQ(testing::distance(logits(after), expected), 0);
}

TEST_P(Experts, ThatAreNotAllThereAreRefused) {
  const auto taken = std::find_if(tensors_.begin(), tensors_.end(), [](const auto& tensor) {
    return tensor.first.find(".experts.1.") != std::string::npos;
  });
  const std::string name = taken->first;
  tensors_.erase(taken);
  expect_error([&] { converted(); }, {"but not that of expert 1"});
  tensors_.insert({name, mx::zeros({3, 4})});
  expect_error([&] { converted(); }, {name, "[3, 4]", "but that of expert 0 is float32"});
}

TEST_P(Experts, AreChosenFromThoseThatAreThere) {
  config_["num_experts_per_tok"] = 9;
  write();
  expect_error([&] { models::load_model(io::ModelFolder::open(source())); },
               {"num_experts_per_tok 9", "num_local_experts"});
}

INSTANTIATE_TEST_SUITE_P(All, Experts, ::testing::Values("mixtral", "qwen3_moe_mixed"),
                         [](const auto& test) { return std::string(test.param); });

TEST(QuantizedExperts, AreThoseOfMlx) {
  testing::TempFolder folder;
  fs::create_directory(folder / "source");
  std::map<std::string, mx::array> tensors;
  std::vector<mx::array> all;
  for (int expert = 0; expert < 3; ++expert) {
    const std::string name = fmt::format("model.layers.0.mlp.experts.{}.up_proj.weight", expert);
    all.push_back(testing::named_values(name, {40, 64}));
    tensors.insert({name, all.back()});
  }
  write_text(folder / "source/config.json", R"({"model_type": "mixtral"})");
  io::save_safetensors(folder / "source/model.safetensors", tensors);
  ConvertOptions options;
  options.hf_path = folder / "source";
  options.mlx_path = folder / "model";
  options.quantize = true;
  convert(options);
  const io::ModelFolder model = io::ModelFolder::open(folder / "model");
  const auto expected = mx::quantize(mx::stack(all, 0), 64, 4);
  const char* parts[] = {"weight", "scales", "biases"};
  for (size_t i = 0; i < 3; ++i) {
    const mx::array found =
        model.load(std::string("model.layers.0.mlp.switch_mlp.up_proj.") + parts[i]);
    EXPECT_TRUE(mx::array_equal(found, expected[i]).item<bool>()) << parts[i];
  }
}

}  // namespace
}  // namespace graft::convert
