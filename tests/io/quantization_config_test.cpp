#include "graft/io/quantization_config.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::io {
namespace {

using testing::expect_error;

std::optional<QuantizationConfig> read(const char* text) {
  return QuantizationConfig::from_config(json::parse(text), "config.json");
}

TEST(QuantizationConfig, IsNothingForPlainModels) {
  EXPECT_FALSE(read(R"({"hidden_size": 8})"));
  EXPECT_FALSE(read(R"({"quantization": null})"));
}

TEST(QuantizationConfig, GivesEachLayerItsSetting) {
  auto config = read(R"({"quantization": {"group_size": 32, "bits": 4, "mode": "affine",
      "a": false, "b": {"bits": 8}, "c": {"group_size": 64, "bits": 6}, "d": true,
      "e": {"group_size": 128, "bits": 3, "mode": "affine"}}})");
  ASSERT_TRUE(config);
  using Layer = LayerQuantization;
  EXPECT_EQ(config->lookup("other"), (Layer{32, 4}));
  EXPECT_EQ(config->lookup("a"), std::nullopt);
  EXPECT_EQ(config->lookup("b"), (Layer{64, 8}));  // mlx-lm's layers know nothing of the model's
  EXPECT_EQ(config->lookup("c"), (Layer{64, 6}));
  EXPECT_EQ(config->lookup("d"), (Layer{32, 4}));
  EXPECT_EQ(config->lookup("e"), (Layer{128, 3}));
}

TEST(QuantizationConfig, EachModeHasItsDefaults) {
  using Layer = LayerQuantization;
  using Mode = QuantizationMode;
  auto config = read(R"({"quantization": {"mode": "mxfp4", "a": {"bits": 8}, "b": {"mode": "nvfp4"},
      "c": {"mode": "mxfp8", "group_size": null, "global_scale": false}, "d": true}})");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->lookup("other"), (Layer{32, 4, Mode::mxfp4}));
  EXPECT_EQ(config->lookup("a"), (Layer{64, 8, Mode::affine}));
  EXPECT_EQ(config->lookup("b"), (Layer{16, 4, Mode::nvfp4}));
  EXPECT_EQ(config->lookup("c"), (Layer{32, 8, Mode::mxfp8}));
  EXPECT_EQ(config->lookup("d"), (Layer{32, 4, Mode::mxfp4}));
}

TEST(QuantizationConfig, ComesBackAsWritten) {
  QuantizationConfig config;
  config.standard = {32, 8, QuantizationMode::mxfp8};
  config.layers = {{"x", LayerQuantization{64, 2}}, {"y", std::nullopt}};
  EXPECT_EQ(config.to_json().dump(),
            R"({"group_size":32,"bits":8,"mode":"mxfp8",)"
            R"("x":{"group_size":64,"bits":2,"mode":"affine"},"y":false})");
  auto back = QuantizationConfig::from_config({{"quantization", json(config.to_json())}}, "config");
  EXPECT_EQ(back->standard, config.standard);
  EXPECT_EQ(back->layers, config.layers);
}

TEST(QuantizationConfig, RefusesWhatMlxDoesNotHave) {
  struct Case {
    const char* text;
    const char* complaint;
  };
  for (const Case& bad : std::vector<Case>{
           {R"({"quantization": {"bits": 7}})", "\"bits\" is 7"},
           {R"({"quantization": {"bits": -4}})", "\"bits\" is not a small number but -4"},
           {R"({"quantization": {"bits": 18446744073709551615}})", "not a small number"},
           {R"({"quantization": {"bits": "4"}})", "not a small number but \"4\""},
           {R"({"quantization": {"group_size": 16}})", "\"group_size\" is 16"},
           {R"({"quantization": {"mode": "mxfp3"}})",
            "the quantization mode is \"mxfp3\", expected"},
           {R"({"quantization": {"mode": 4}})", "the quantization mode is 4"},
           {R"({"quantization": {"mode": "mxfp4", "bits": 8}})", "but mode mxfp4 has 4"},
           {R"({"quantization": {"mode": "nvfp4", "group_size": 32}})", "nvfp4 has groups of 16"},
           {R"({"quantization": {"mode": "nvfp4", "a": {"mode": "nvfp4", "global_scale": true}}})",
            "of \"a\": \"global_scale\" is not supported"},
           {R"({"quantization": {"a.b": {"bits": 1}}})", "quantization of \"a.b\": \"bits\" is 1"},
           {R"({"quantization": {"a.b": {"mode": "fp4"}}})", "\"a.b\": the quantization mode"},
           {R"({"quantization": 4})", "not an object"},
           {R"({"quantization_config": {"quant_method": "awq", "bits": 4}})", "with \"awq\""},
           {R"({"quantization_config": []})", "an unnamed method"},
           {R"({"quantization": {"mode": "nvfp4"}, "quantize_activations": true})",
            "\"quantize_activations\" is true"},
       }) {
    expect_error([&] { read(bad.text); }, bad.complaint);
  }
}

TEST(QuantizationConfig, ActivationsThatAreNotQuantizedAreFine) {
  EXPECT_TRUE(read(R"({"quantization": {"mode": "nvfp4"}, "quantize_activations": false})"));
  EXPECT_FALSE(read(R"({"quantize_activations": true})"));  // there are no quantized layers
}

}  // namespace
}  // namespace graft::io
