#include "graft/io/quantized_layer.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "graft/base/atomic_file.h"
#include "graft/io/safetensors.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

namespace mx = mlx::core;

using testing::expect_error;

// A layer "a" [8, width] as MLX quantizes it, of a model with this config.
class StoredQuantization : public ::testing::Test {
 protected:
  ModelFolder model(const LayerQuantization& stored, int width = 256) {
    write_text(folder_ / "config.json", R"({"model_type": "llama"})");
    const auto parts = mx::quantize(mx::random::normal({8, width}), stored.group_size, stored.bits,
                                    std::string(name_of(stored.mode)));
    const char* names[] = {"a.weight", "a.scales", "a.biases"};
    std::map<std::string, mx::array> tensors;
    for (size_t i = 0; i < parts.size(); ++i) tensors.insert({names[i], parts[i]});
    save_safetensors(folder_ / "model.safetensors", tensors, {{"format", "mlx"}});
    return ModelFolder::open(folder_.path());
  }
  LayerQuantization found(const LayerQuantization& stored, std::optional<int> width = {}) {
    return stored_quantization(model(stored), config_, "a", [&] { return width; });
  }

  testing::TempFolder folder_;
  std::optional<QuantizationConfig> config_ = QuantizationConfig{{64, 4}, {}};
};

// As mlx-lm's infer_quant_config, which knows the width, does for a layer without an entry.
TEST_F(StoredQuantization, FollowsFromShapesAndWidth) {
  for (const QuantizationMode mode : kQuantizationModes) {
    for (const int bits : bits_of(mode)) {
      for (const int group_size : group_sizes_of(mode)) {
        const LayerQuantization stored{group_size, bits, mode};
        EXPECT_EQ(found(stored, 256), stored) << quantization_text(mode, bits, group_size);
      }
    }
  }
}

TEST_F(StoredQuantization, WithoutTheWidthIsTheOnlyOneThatFits) {
  const LayerQuantization nvfp4 = LayerQuantization::default_of(QuantizationMode::nvfp4);
  for (const LayerQuantization& stored :
       {LayerQuantization{32, 5}, LayerQuantization{128, 8}, LayerQuantization{128, 5}, nvfp4}) {
    EXPECT_EQ(found(stored), stored)
        << quantization_text(stored.mode, stored.bits, stored.group_size);
  }
  // One has the words of the other at half the width: the model's is taken where it can be.
  for (const LayerQuantization& stored : {LayerQuantization{64, 4}, LayerQuantization{32, 8}}) {
    EXPECT_EQ(found(stored), (LayerQuantization{64, 4}));
  }
  config_->standard = LayerQuantization{128, 6};
  for (const LayerQuantization& stored : {LayerQuantization{64, 4}, LayerQuantization{32, 8}}) {
    expect_error([&] { found(stored); }, {"a may have 4 bits in groups of 64, or ",
                                          "8 bits in groups of 32", "should have an entry"});
  }
}

TEST_F(StoredQuantization, IsThatOfAnEntry) {
  config_->layers["a"] = LayerQuantization{32, 8};
  EXPECT_EQ(found({64, 8}), (LayerQuantization{32, 8}));  // whose shapes are then refused
  expect_error(
      [&] {
        quantized_layer_shape(model({64, 8}), "a", {32, 8});
      },
      {"\"a.scales\"", "expected [8, 8] for 8 bits in groups of 32"});
  config_->layers["a"] = std::nullopt;
  expect_error([&] { found({64, 4}); }, "a is quantized, but config.json has no quantization");
  config_.reset();
  expect_error([&] { found({64, 4}); }, "a is quantized, but config.json has no quantization");
}

TEST_F(StoredQuantization, OfModelOptIsRefusedByName) {
  const ModelFolder dense = model({64, 4});
  EXPECT_FALSE(quantization_of(dense));
  write_text(folder_ / "hf_quant_config.json",
             R"({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}})");
  expect_error([&] { quantization_of(dense); },
               {"hf_quant_config.json", "ModelOpt (\"NVFP4\")", "as it was before"});
  write_text(folder_ / "config.json", R"({"model_type": "llama", "quantization": {"bits": 4}})");
  EXPECT_TRUE(quantization_of(ModelFolder::open(folder_.path())));
}

}  // namespace
}  // namespace graft::io
