#include "graft/models/beyond_mlx_lm.h"

#include <algorithm>
#include <set>

#include "graft/base/error.h"
#include "graft/models/config_defaults.h"

namespace graft::models {
namespace {

using Names = std::set<std::string>;

// The part that is a language model.
json language_model(const json& config) {
  const auto part = config.find("text_config");
  if (part == config.end() || !part->is_object()) return with_defaults(config);
  json result = *part;
  result["model_type"] = "gemma3_text";
  return with_defaults(result);
}

json at(const json& object, const char* key) {
  return object.is_object() ? object.value(key, json()) : json();
}

void add_rope(const json& config, const std::string& type, std::vector<std::string>& result) {
  json rope = at(config, "rope_scaling");
  if (!rope.is_object() || rope.empty()) rope = at(config, "rope_parameters");
  json kind = at(rope, "rope_type");
  if (kind.is_null()) kind = at(rope, "type");
  if (!kind.is_string() || kind == "default") return;
  const std::string name = kind.get<std::string>();
  static const Names unscaled = {"gemma",    "gemma2",     "mixtral",  "phi",
                                 "stablelm", "starcoder2", "qwen3_moe"};
  if (unscaled.count(type) != 0) {
    result.push_back(fmt::format("RoPE scaling ({})", name));
  } else if (name == "yarn") {
    for (const char* key : {"attention_factor", "truncate"}) {
      if (rope.contains(key) && at(rope, key) != true) {
        result.push_back(fmt::format("yarn's {}", key));
      }
    }
  }
}

bool slides(const json& config, const std::string& type) {
  if (!at(config, "sliding_window").is_number()) return false;
  static const Names on_demand = {"qwen2", "qwen3", "qwen3_moe"};
  if (on_demand.count(type) != 0) return at(config, "use_sliding_window") == true;
  static const Names always = {"gemma2", "mistral", "mixtral", "phi3", "starcoder2"};
  return always.count(type) != 0;
}

// Gemma 3's layers in another order than so many of one kind before one of the other.
bool has_other_pattern(const json& config) {
  const json kinds = at(config, "layer_types"), pattern = at(config, "sliding_window_pattern");
  if (!kinds.is_array() || !pattern.is_number_integer() || pattern < 1) return false;
  for (size_t i = 0; i < kinds.size(); ++i) {
    const bool full = (i + 1) % pattern.get<size_t>() == 0;
    if (kinds[i] != (full ? "full_attention" : "sliding_attention")) return true;
  }
  return false;
}

// mlx-lm looks for experts that stand one by one in the first layer.
bool begins_without_experts(const json& config) {
  if (at(config, "quantization").is_object()) return false;  // they are stacked
  const json step = at(config, "decoder_sparse_step"), dense = at(config, "mlp_only_layers");
  return step != 1 || std::find(dense.begin(), dense.end(), 0) != dense.end();
}

// Parameters that mlx-lm's class has not, or cannot be without.
struct Unloaded {
  const char *type, *key;
  bool value;
  const char* what;
};

constexpr Unloaded kUnloaded[] = {
    {"phi", "qk_layernorm", true, "norms of q and k"},
    {"phi", "tie_word_embeddings", true, "head that is the embedding"},
    {"stablelm", "tie_word_embeddings", true, "head that is the embedding"},
    {"qwen3", "attention_bias", true, "biases of attention"},
    {"qwen3_moe", "attention_bias", true, "biases of attention"},
    {"starcoder2", "use_bias", false, "layers without biases"},
};

bool has_own_head_dim(const json& config, const std::string& type) {
  static const Names computed = {"granite", "mixtral",  "phi",       "phi3",
                                 "qwen2",   "stablelm", "starcoder2"};
  const json width = at(config, "hidden_size"), heads = at(config, "num_attention_heads");
  const json own = at(config, "head_dim");
  if (computed.count(type) == 0 || !own.is_number_integer() || !width.is_number_integer() ||
      !heads.is_number_integer() || heads < 1) {
    return false;
  }
  return own.get<int64_t>() != width.get<int64_t>() / heads.get<int64_t>();
}

}  // namespace

std::vector<std::string> beyond_mlx_lm(const json& config) {
  const json model = language_model(config);
  const json name = at(model, "model_type");
  if (!name.is_string()) return {};
  const std::string type = name.get<std::string>();
  std::vector<std::string> result;
  add_rope(model, type, result);
  if (slides(model, type)) {
    result.push_back(fmt::format("sliding window (texts of over {} tokens come out otherwise)",
                                 at(model, "sliding_window").dump()));
  }
  if (type == "gemma3_text" && has_other_pattern(model)) {
    result.push_back("order of sliding and full layers");
  }
  if (type == "gemma2" && at(model, "attn_logit_softcapping").is_null()) {
    result.push_back("scores without a cap (it does not run)");
  }
  if (type == "qwen3_moe" && begins_without_experts(model)) {
    result.push_back("experts after a first layer without (it does not load)");
  }
  for (const Unloaded& its : kUnloaded) {
    if (type != its.type || at(model, its.key) != its.value) continue;
    result.push_back(fmt::format("{} (it does not load)", its.what));
  }
  if (has_own_head_dim(model, type)) result.push_back("head_dim");
  return result;
}

}  // namespace graft::models
