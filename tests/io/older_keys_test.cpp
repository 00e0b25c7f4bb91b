#include "graft/io/older_keys.h"

#include <gtest/gtest.h>

namespace graft::io {
namespace {

ordered_json with_older_keys(const char* text) {
  ordered_json config = parse_ordered_json(text, "config.json");
  add_older_keys(config);
  return config;
}

TEST(OlderKeys, SayWhatRopeParametersSay) {
  const ordered_json config = with_older_keys(R"({"dtype": "bfloat16", "rope_parameters": {
      "rope_theta": 500.0, "rope_type": "llama3", "factor": 8.0, "partial_rotary_factor": 0.5,
      "original_max_position_embeddings": 8192}})");
  EXPECT_EQ(config["rope_theta"], 500.0);
  EXPECT_EQ(config["partial_rotary_factor"], 0.5);
  EXPECT_EQ(config["original_max_position_embeddings"], 8192);
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
  EXPECT_EQ(config["rope_scaling"], ordered_json::parse(R"({"rope_type": "llama3", "factor": 8.0,
                                    "original_max_position_embeddings": 8192, "type": "llama3"})"));
  EXPECT_FALSE(with_older_keys(R"({"rope_parameters": {"rope_theta": 5, "rope_type": "default"}})")
                   .contains("rope_scaling"));
}

TEST(OlderKeys, ThatAreThereStay) {
  const char* const text = R"({"rope_theta": 7, "torch_dtype": "float16", "dtype": "bfloat16",
                               "rope_scaling": {"type": "linear"},
                               "rope_parameters": {"rope_theta": 5, "rope_type": "yarn"}})";
  EXPECT_EQ(with_older_keys(text), ordered_json::parse(text));
  EXPECT_EQ(with_older_keys("{}"), ordered_json::object());
}

TEST(OlderKeys, OfLayersOfTwoKinds) {
  const ordered_json config = with_older_keys(
      R"({"model_type": "gemma3", "text_config": {"vocab_size": 9, "rope_parameters": {
      "full_attention": {"rope_theta": 1000000, "rope_type": "linear", "factor": 8},
      "sliding_attention": {"rope_theta": 10000, "rope_type": "default"}},
      "layer_types": ["sliding_attention", "sliding_attention", "full_attention"]}})");
  const ordered_json& text = config["text_config"];
  EXPECT_EQ(config["vocab_size"], 9);
  EXPECT_EQ(text["rope_theta"], 1000000);
  EXPECT_EQ(text["rope_local_base_freq"], 10000);
  EXPECT_EQ(text["sliding_window_pattern"], 3);
  EXPECT_EQ(text["rope_scaling"]["type"], "linear");
}

// Both names of the RoPE's type, and the pattern of Gemma 3's layers where transformers 4 listed
// them.
TEST(OlderKeys, OfConfigsOfTheOlderKindToo) {
  const char* const scaling = R"(, "rope_scaling": {"rope_type": "linear", "factor": 8}})";
  const auto type_of = [&](const char* family) {
    return with_older_keys((std::string(R"({"model_type": ")") + family + '"' + scaling)
                               .c_str())["rope_scaling"]
        .contains("type");
  };
  EXPECT_TRUE(type_of("phi3"));
  EXPECT_FALSE(type_of("llama"));
  EXPECT_EQ(with_older_keys(R"({"model_type": "gemma3_text",
      "layer_types": ["sliding_attention", "full_attention"]})")["sliding_window_pattern"],
            2);
}

TEST(OlderKeys, OfQwen3Moe) {
  const ordered_json config = with_older_keys(R"({"model_type": "qwen3_moe", "num_local_experts": 4,
      "hidden_size": 64, "num_attention_heads": 4, "mlp_only_layers": null})");
  EXPECT_EQ(config["num_experts"], 4);
  EXPECT_EQ(config["head_dim"], 16);
  EXPECT_EQ(config["mlp_only_layers"], ordered_json::array());
}

TEST(OlderKeys, OfNonsenseAreNone) {
  for (const char* text :
       {R"({"rope_parameters": 3})", R"({"rope_parameters": {"full_attention": 1}})",
        R"({"rope_parameters": {"rope_type": 7}})", R"({"layer_types": {}})"}) {
    EXPECT_EQ(with_older_keys(text), ordered_json::parse(text)) << text;
  }
}

}  // namespace
}  // namespace graft::io
