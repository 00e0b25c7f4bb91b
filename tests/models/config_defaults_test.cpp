#include "graft/models/config_defaults.h"

#include <gtest/gtest.h>

#include "graft/io/json.h"
#include "graft/models/beyond_mlx_lm.h"
#include "tests/support/paths.h"

namespace graft::models {
namespace {

// scripts/fixtures/config_defaults.py
TEST(ConfigDefaults, AreThoseOfTransformersClasses) {
  const json families = io::read_json_object(testing::fixture("config_defaults.json"));
  EXPECT_EQ(families.size(), 16u);
  for (const auto& [family, theirs] : families.items()) {
    const json& ours = config_defaults({{"model_type", family}});
    EXPECT_FALSE(ours.empty()) << family;
    // What llama.cpp's files must say, and its converter has from transformers.
    EXPECT_TRUE(ours.contains("max_position_embeddings")) << family;
    for (const auto& [key, value] : ours.items()) {
      ASSERT_TRUE(theirs.contains(key)) << family << " " << key;
      EXPECT_EQ(value, theirs[key]) << family << " " << key;
    }
  }
  EXPECT_TRUE(config_defaults({{"model_type", "other"}}).empty());
  EXPECT_TRUE(config_defaults(json::object()).empty());
}

TEST(ConfigDefaults, AreForKeysThatAreMissing) {
  const json config = with_defaults(
      {{"model_type", "mistral"}, {"sliding_window", nullptr}, {"num_key_value_heads", 2}});
  EXPECT_TRUE(config["sliding_window"].is_null());
  EXPECT_EQ(config["num_key_value_heads"], 2);
  EXPECT_EQ(config["rms_norm_eps"], 1e-6);
}

ordered_json completed(const char* text, bool own_head = true) {
  ordered_json config = io::parse_ordered_json(text, "config.json");
  complete_config(config, own_head);
  return config;
}

TEST(CompleteConfig, SaysWhatMissingKeysMean) {
  const ordered_json config = completed(R"({"model_type": "smollm3"})", false);
  EXPECT_EQ(config["rope_theta"], 2e6);
  EXPECT_EQ(config["num_key_value_heads"], 4);
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_EQ(completed(R"({"model_type": "llama", "num_attention_heads": 6,
                          "num_key_value_heads": null})")["num_key_value_heads"],
            6);
}

// What transformers 5 has under rope_parameters comes before the default.
TEST(CompleteConfig, KnowsTheNewerKeys) {
  const ordered_json config = completed(
      R"({"model_type": "qwen2", "rope_parameters": {"rope_theta": 5.0, "rope_type": "default"}})");
  EXPECT_EQ(config["rope_theta"], 5.0);
  const ordered_json gemma3 = completed(
      R"({"model_type": "gemma3", "text_config": {"rope_parameters": {
          "full_attention": {"rope_theta": 7.0}, "sliding_attention": {"rope_theta": 3.0}}}})");
  EXPECT_EQ(gemma3["text_config"]["rope_theta"], 7.0);
  EXPECT_EQ(gemma3["text_config"]["rope_local_base_freq"], 3.0);
  EXPECT_EQ(gemma3["text_config"]["hidden_size"], 2304);
  EXPECT_FALSE(gemma3.contains("hidden_size"));
}

TEST(CompleteConfig, TheHeadIsAsTheWeightsSay) {
  EXPECT_EQ(completed(R"({"tie_word_embeddings": true})", true)["tie_word_embeddings"], false);
  EXPECT_EQ(completed("{}", true)["tie_word_embeddings"], false);
  EXPECT_EQ(completed("{}", false)["tie_word_embeddings"], true);
}

// tests/interop/reload_parity.py compares these with mlx-lm's logits.
TEST(BeyondMlxLm, NamesWhatIsLeftOut) {
  const auto left_out = [](const char* config) {
    std::string all;
    for (const std::string& what : beyond_mlx_lm(json::parse(config))) all += what + ";";
    return all;
  };
  EXPECT_EQ(left_out(R"({"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2}})"),
            "");
  EXPECT_EQ(
      left_out(R"({"model_type": "mixtral", "rope_scaling": {"type": "linear", "factor": 2}})"),
      "RoPE scaling (linear);");
  EXPECT_EQ(left_out(R"({"model_type": "phi", "rope_parameters": {"rope_type": "default"}})"), "");
  EXPECT_EQ(left_out(R"({"model_type": "llama", "rope_parameters": {
                         "rope_type": "yarn", "attention_factor": 1.2, "truncate": true}})"),
            "yarn's attention_factor;");
  EXPECT_EQ(left_out(R"({"model_type": "mistral"})"),
            "sliding window (texts of over 4096 tokens come out otherwise);");
  EXPECT_EQ(left_out(R"({"model_type": "mistral", "sliding_window": null})"), "");
  EXPECT_EQ(left_out(R"({"model_type": "qwen2", "sliding_window": 10})"), "");
  EXPECT_EQ(left_out(R"({"model_type": "qwen3", "use_sliding_window": true})"),
            "sliding window (texts of over 4096 tokens come out otherwise);");
  EXPECT_EQ(left_out(R"({"model_type": "gemma3", "text_config": {"sliding_window_pattern": 2,
                         "layer_types": ["full_attention", "sliding_attention"]}})"),
            "order of sliding and full layers;");
  EXPECT_EQ(left_out(R"({"model_type": "granite", "hidden_size": 64, "num_attention_heads": 4,
                         "head_dim": 32})"),
            "head_dim;");
  EXPECT_EQ(left_out(R"({"model_type": "phi", "qk_layernorm": true})"),
            "norms of q and k (it does not load);");
  EXPECT_EQ(left_out(R"({"model_type": "phi", "tie_word_embeddings": true})"),
            "head that is the embedding (it does not load);");
  EXPECT_EQ(left_out(R"({"model_type": "qwen3_moe", "mlp_only_layers": [0]})"),
            "experts after a first layer without (it does not load);");
  EXPECT_EQ(left_out(R"({"model_type": "qwen3_moe", "mlp_only_layers": [0],
                         "quantization": {"bits": 4}})"),
            "");
  EXPECT_EQ(left_out("{}"), "");
}

}  // namespace
}  // namespace graft::models
