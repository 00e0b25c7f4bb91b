#include "graft/models/config_defaults.h"

#include <map>
#include <set>
#include <string>

#include "graft/io/older_keys.h"

namespace graft::models {
namespace {

const std::map<std::string, json>& all_defaults() {
  static const json qwen = {
      {"num_key_value_heads", 32},       {"rms_norm_eps", 1e-6},    {"rope_theta", 1e4},
      {"sliding_window", 4096},          {"max_window_layers", 28}, {"use_sliding_window", false},
      {"max_position_embeddings", 32768}};
  static const std::map<std::string, json> all = {
      {"gemma",
       {{"head_dim", 256},
        {"num_key_value_heads", 16},
        {"rms_norm_eps", 1e-6},
        {"rope_theta", 1e4},
        {"max_position_embeddings", 8192},
        {"attention_bias", false}}},
      {"gemma2",
       {{"head_dim", 256},
        {"num_key_value_heads", 4},
        {"rms_norm_eps", 1e-6},
        {"rope_theta", 1e4},
        {"max_position_embeddings", 8192},
        {"attention_bias", false},
        {"query_pre_attn_scalar", 256},
        {"sliding_window", 4096},
        {"attn_logit_softcapping", 50.0},
        {"final_logit_softcapping", 30.0}}},
      {"gemma3_text",
       {{"vocab_size", 262208},
        {"hidden_size", 2304},
        {"intermediate_size", 9216},
        {"num_hidden_layers", 26},
        {"num_attention_heads", 8},
        {"num_key_value_heads", 4},
        {"head_dim", 256},
        {"rms_norm_eps", 1e-6},
        {"max_position_embeddings", 131072},
        {"rope_theta", 1e6},
        {"rope_local_base_freq", 1e4},
        {"attention_bias", false},
        {"query_pre_attn_scalar", 256},
        {"sliding_window", 4096},
        {"sliding_window_pattern", 6}}},
      {"granite",
       {{"rms_norm_eps", 1e-6},
        {"rope_theta", 1e4},
        {"attention_bias", false},
        {"mlp_bias", false},
        {"max_position_embeddings", 2048},
        {"attention_multiplier", 1.0},
        {"embedding_multiplier", 1.0},
        {"residual_multiplier", 1.0},
        {"logits_scaling", 1.0}}},
      {"llama",
       {{"rms_norm_eps", 1e-6},
        {"rope_theta", 1e4},
        {"attention_bias", false},
        {"mlp_bias", false},
        {"max_position_embeddings", 2048}}},
      {"mistral",
       {{"num_key_value_heads", 8},
        {"rms_norm_eps", 1e-6},
        {"rope_theta", 1e4},
        {"sliding_window", 4096},
        {"max_position_embeddings", 131072}}},
      {"mixtral",
       {{"num_key_value_heads", 8},
        {"rms_norm_eps", 1e-5},
        {"rope_theta", 1e6},
        {"max_position_embeddings", 131072},
        {"num_local_experts", 8},
        {"num_experts_per_tok", 2}}},
      {"olmo2",
       {{"rms_norm_eps", 1e-5},
        {"rope_theta", 1e4},
        {"attention_bias", false},
        {"max_position_embeddings", 2048}}},
      {"phi",
       {{"layer_norm_eps", 1e-5},
        {"rope_theta", 1e4},
        {"partial_rotary_factor", 0.5},
        {"qk_layernorm", false},
        {"max_position_embeddings", 2048}}},
      {"phi3",
       {{"rms_norm_eps", 1e-5},
        {"rope_theta", 1e4},
        {"partial_rotary_factor", 1.0},
        {"original_max_position_embeddings", 4096},
        {"max_position_embeddings", 4096}}},
      {"qwen2", qwen},
      {"qwen3",
       [] {
         json defaults = qwen;
         defaults.update({{"head_dim", 128}, {"attention_bias", false}});
         return defaults;
       }()},
      {"qwen3_moe",
       {{"num_key_value_heads", 4},
        {"rms_norm_eps", 1e-6},
        {"rope_theta", 1e4},
        {"attention_bias", false},
        {"use_sliding_window", false},
        {"sliding_window", 4096},
        {"max_position_embeddings", 32768},
        {"decoder_sparse_step", 1},
        {"moe_intermediate_size", 768},
        {"num_experts_per_tok", 8},
        {"norm_topk_prob", false},
        {"mlp_only_layers", json::array()}}},
      {"smollm3",
       {{"num_key_value_heads", 4},
        {"rms_norm_eps", 1e-6},
        {"rope_theta", 2e6},
        {"attention_bias", false},
        {"mlp_bias", false},
        {"use_sliding_window", false},
        {"no_rope_layer_interval", 4},
        {"max_position_embeddings", 32768}}},
      {"stablelm",
       {{"num_key_value_heads", 32},
        {"layer_norm_eps", 1e-5},
        {"rope_theta", 1e4},
        {"partial_rotary_factor", 0.25},
        {"use_qkv_bias", false},
        {"qk_layernorm", false},
        {"use_parallel_residual", false},
        {"max_position_embeddings", 4096}}},
      {"starcoder2",
       {{"num_key_value_heads", 2},
        {"norm_epsilon", 1e-5},
        {"rope_theta", 1e4},
        {"use_bias", true},
        {"max_position_embeddings", 4096}}},
  };
  return all;
}

template <class Json>
void add_missing(Json& config, const json& defaults) {
  for (const auto& [key, value] : defaults.items()) {
    if (!config.contains(key)) config[key] = value;
  }
}

// Keys that mlx-lm does not read, or takes for the same where they are missing.
const std::set<std::string>& understood() {
  static const std::set<std::string> keys = {"max_window_layers", "use_sliding_window",
                                             "qk_layernorm", "use_bias", "use_parallel_residual"};
  return keys;
}

// Of a language model, or of the part of another that is one.
void complete(ordered_json& config, json defaults) {
  if (config.contains("layer_types")) defaults.erase("sliding_window_pattern");
  for (const std::string& key : understood()) defaults.erase(key);
  // Granite's class asks for them.
  if (config.value("model_type", ordered_json()) != "granite") {
    defaults.erase("attention_bias");
    defaults.erase("mlp_bias");
  }
  add_missing(config, defaults);
  // mlx-lm asks for a number where null means as many as there are heads.
  ordered_json& kv_heads = config["num_key_value_heads"];
  if (kv_heads.is_null()) kv_heads = config.value("num_attention_heads", ordered_json());
}

}  // namespace

const json& config_defaults(const json& config) {
  static const json none = json::object();
  const auto type = config.find("model_type");
  if (type == config.end() || !type->is_string()) return none;
  const auto found = all_defaults().find(type->get<std::string>());
  return found == all_defaults().end() ? none : found->second;
}

json with_defaults(json config) {
  add_missing(config, config_defaults(config));
  return config;
}

void complete_config(ordered_json& config, bool own_head) {
  io::add_older_keys(config);
  if (own_head || !config.contains("tie_word_embeddings")) {
    config["tie_word_embeddings"] = !own_head;
  }
  const auto part = config.find("text_config");
  if (part != config.end() && part->is_object()) {
    complete(*part, all_defaults().at("gemma3_text"));
  } else {
    complete(config, config_defaults(config));
  }
}

}  // namespace graft::models
