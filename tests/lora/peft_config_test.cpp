#include "graft/lora/peft_config.h"

#include <gtest/gtest.h>

#include "graft/io/json.h"
#include "tests/support/expect_error.h"

namespace graft::lora {
namespace {

using testing::expect_error;

PeftConfig peft(const std::string& text) {
  return {io::parse_ordered_json(text, "text"), "a/adapter_config.json"};
}

// What PEFT's check_target_module_exists says of the same.
TEST(PeftConfig, TargetsAreEndsOfNamesOrAnExpression) {
  const PeftConfig ends = peft(R"({"target_modules": ["q_proj", "mlp.down_proj"]})");
  EXPECT_TRUE(ends.targets("model.layers.0.self_attn.q_proj"));
  EXPECT_TRUE(ends.targets("model.layers.0.mlp.down_proj"));
  EXPECT_FALSE(ends.targets("model.layers.0.xmlp.down_proj"));
  EXPECT_FALSE(ends.targets("model.layers.0.self_attn.aq_proj"));
  EXPECT_TRUE(ends.targets("q_proj"));
  const PeftConfig expression = peft(R"({"target_modules": ".*\\.[01]\\.self_attn\\.[qk]_proj"})");
  EXPECT_TRUE(expression.targets("model.layers.1.self_attn.k_proj"));
  EXPECT_FALSE(expression.targets("model.layers.2.self_attn.k_proj"));
  EXPECT_FALSE(expression.targets("model.layers.1.self_attn.k_proj.x"));
  const PeftConfig all = peft(R"({"target_modules": "All-Linear", "exclude_modules": ["k_proj"]})");
  EXPECT_TRUE(all.targets("model.layers.2.mlp.up_proj"));
  EXPECT_FALSE(all.targets("model.layers.2.self_attn.k_proj"));
  EXPECT_FALSE(all.targets("lm_head"));
}

TEST(PeftConfig, LayersAreTheFirstNumbersInNames) {
  const PeftConfig some =
      peft(R"({"target_modules": ["w1", "q_proj"], "layers_to_transform": [0, 2]})");
  EXPECT_TRUE(some.targets("model.layers.2.self_attn.q_proj"));
  EXPECT_FALSE(some.targets("model.layers.1.self_attn.q_proj"));
  EXPECT_FALSE(some.targets("model.layers.1.experts.2.w1"));  // the layer's, not the expert's
  EXPECT_FALSE(some.targets("model.q_proj"));                 // of no layer
  EXPECT_FALSE(some.targets("layers.2.q_proj"));              // PEFT wants two parts in front
  const PeftConfig pattern = peft(
      R"({"target_modules": ["q_proj"], "layers_to_transform": 1, "layers_pattern": "blocks"})");
  EXPECT_TRUE(pattern.targets("layers.7.blocks.1.q_proj"));
  EXPECT_FALSE(pattern.targets("layers.1.blocks.7.q_proj"));
  // The first pattern that has a number, not the first number.
  const PeftConfig two = peft(
      R"({"target_modules": ["q_proj"], "layers_to_transform": 1, "layers_pattern": ["blocks", "layers"]})");
  EXPECT_TRUE(two.targets("layers.7.blocks.1.q_proj"));
  EXPECT_TRUE(two.targets("layers.1.q_proj"));
  EXPECT_TRUE(peft(R"({"target_modules": ["q_proj"], "layers_to_transform": 0})")
                  .targets("model.layers.0.q_proj"));
  EXPECT_TRUE(peft(R"({"target_modules": ["q_proj"], "layers_to_transform": []})")
                  .targets("model.layers.9.q_proj"));
}

TEST(PeftConfig, RanksAndScalesFollowTheFirstPatternThatMatches) {
  const PeftConfig c = peft(R"({"r": 8, "lora_alpha": 16, "target_modules": ["q_proj"],
      "rank_pattern": {"layers.1.self_attn.q_proj": 4, "q_proj": 2}, "alpha_pattern": {".*v_proj": 5}})");
  EXPECT_EQ(c.rank_of("model.layers.1.self_attn.q_proj"), 4);
  EXPECT_EQ(c.rank_of("model.layers.0.self_attn.q_proj"), 2);
  EXPECT_EQ(c.rank_of("model.layers.0.self_attn.v_proj"), 8);
  EXPECT_EQ(c.scale_of("model.layers.1.self_attn.q_proj"), 4.0f);
  EXPECT_EQ(c.scale_of("model.layers.1.self_attn.v_proj"), 0.625f);
  EXPECT_EQ(c.scale_of("model.layers.1.self_attn.o_proj"), 2.0f);
  EXPECT_EQ(peft(R"({"r": 4, "lora_alpha": 6, "use_rslora": true})").scale_of("x"), 3.0f);
  EXPECT_EQ(peft("{}").scale_of("x"), 1.0f);  // PEFT's defaults: 8 and 8
}

TEST(PeftConfig, WhatGraftHasNotIsRefusedByName) {
  const auto refused = [](const char* text, const char* says) {
    expect_error([&] { peft(text); }, {"a/adapter_config.json", says});
  };
  refused(R"({"peft_type": "IA3"})", "IA3");
  refused(R"({"peft_type": 3})", "peft_type is 3");
  refused(R"({"bias": "some"})", "bias must be none, all or lora_only, found \"some\"");
  refused(R"({"bias": 1})", "found 1");
  refused(R"({"modules_to_save": "lm_head"})", "modules_to_save must be a list of names");
  refused(R"({"modules_to_save": ["norm", ""]})", "modules_to_save must be a list of names");
  refused(R"({"lora_bias": true})", "lora_bias");
  refused(R"({"layer_replication": [[0, 2]]})", "layer_replication");
  refused(R"({"trainable_token_indices": [1]})", "trainable_token_indices");
  refused(R"({"something_new": {"a": 1}})", "something_new");
  refused(R"({"init_lora_weights": "pissa_niter_4"})", "changes the base model's weights");
  refused(R"({"init_lora_weights": "olora"})", "path_initial_model_for_weight_conversion");
  // What is off, or says nothing of the numbers.
  peft(
      R"({"use_dora": false, "modules_to_save": null, "layer_replication": [], "eva_config": {"rho": 2},
           "init_lora_weights": "gaussian", "megatron_core": "megatron.core", "loftq_config": {}})");
}

// Modules are saved by the ends of their names, and get no adapter by whole parts of them.
TEST(PeftConfig, WhatIsSavedGetsNoAdapter) {
  const PeftConfig c = peft(
      R"({"target_modules": ["q_proj", "up_proj", "lm_head"], "bias": "lora_only",
          "modules_to_save": ["norm", "layers.1.mlp", "lm_head"], "ensure_weight_tying": true})");
  EXPECT_EQ(c.bias(), PeftConfig::Bias::lora_only);
  EXPECT_TRUE(c.ensures_tied());
  for (const char* name : {"model.norm", "model.layers.0.input_layernorm", "model.layers.1.mlp",
                           "model.layers.1.mlp.up_proj", "lm_head"}) {
    EXPECT_TRUE(c.saves(name)) << name;
  }
  for (const char* name : {"model.layers.11.mlp.up_proj", "model.normal", "lm_head2", "model"}) {
    EXPECT_FALSE(c.saves(name)) << name;
  }
  EXPECT_TRUE(c.targets("model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(c.targets("model.layers.1.mlp.up_proj"));
  EXPECT_FALSE(c.targets("lm_head"));
  EXPECT_EQ(peft("{}").bias(), PeftConfig::Bias::none);
  EXPECT_FALSE(peft("{}").saves("lm_head"));
}

TEST(PeftConfig, ValuesThatMakeNoSenseAreErrors) {
  const auto refused = [](const char* text, const char* says) {
    expect_error([&] { peft(text); }, {"a/adapter_config.json", says});
  };
  refused(R"({"r": 0})", "r must be a positive");
  refused(R"({"r": "8"})", "r must be");
  refused(R"({"lora_alpha": NaN})", "lora_alpha must be");
  expect_error([] { peft(R"({"lora_alpha": 1e300})").scale_of("x"); }, "lora_alpha is too large");
  refused(R"({"lora_dropout": 1})", "lora_dropout must be at least 0 and below 1");
  refused(R"({"rank_pattern": {"q_proj": 1.5}})", "rank 1.5");
  refused(R"({"rank_pattern": {"q_proj": -1}})", "rank -1");
  refused(R"({"rank_pattern": ["q_proj"]})", "rank_pattern must be an object");
  refused(R"({"alpha_pattern": {"q_proj": "x"}})", "must have numbers");
  refused(R"({"target_modules": [3]})", "target_modules must be a list of texts");
  refused(R"({"target_modules": 3})", "target_modules must be a list or an expression");
  refused(R"({"target_parameters": "experts"})", "target_parameters must be a list");
  refused(R"({"layers_to_transform": ["0"]})", "layers_to_transform");
  refused(R"({"layers_pattern": [1]})", "layers_pattern");
  refused(R"({"target_modules": "(q_proj"})", "the regular expression \"(q_proj\" cannot be used");
}

TEST(PeftConfig, SoManyExpressionsAreAnError) {
  json ranks = json::object(), patterns = json::array();
  for (int i = 0; i < 40000; ++i) {
    ranks[fmt::format("layer_{}", i)] = 4;
    patterns.push_back(fmt::format("layers_{}", i));
  }
  for (const char* key : {"rank_pattern", "alpha_pattern"}) {
    expect_error(
        [&] {
          peft(json{{key, ranks}}.dump().c_str());
        },
        {key, "has 40000 expressions, more than the 32768"});
  }
  expect_error(
      [&] {
        peft(json{{"layers_pattern", patterns}}.dump().c_str());
      },
      {"layers_pattern", "has 40000 expressions"});
}

// As long as one wants: (a+)+ on a name without a match.
TEST(PeftConfig, AnExpressionThatTakesForeverIsAnError) {
  const PeftConfig config = peft(R"({"target_modules": "([a-z_.0-9]+)+[^a-z_.0-9]"})");
  expect_error([&] { config.targets("model.layers.0.self_attn.q_proj.and.more.and.more"); },
               {"target_modules", "takes too long"});
}

}  // namespace
}  // namespace graft::lora
