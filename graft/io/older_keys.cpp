#include "graft/io/older_keys.h"

namespace graft::io {
namespace {

bool has(const ordered_json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && !found->is_null();
}

void add(ordered_json& config, const char* key, const ordered_json& value) {
  if (!has(config, key) && !value.is_null()) config[key] = value;
}

ordered_json at(const ordered_json& object, const char* key) {
  return object.is_object() ? object.value(key, ordered_json()) : ordered_json();
}

// Of the layers of one kind. mlx-lm looks for "type", transformers 4 for both.
void add_rope(ordered_json& config, ordered_json rope) {
  add(config, "rope_theta", at(rope, "rope_theta"));
  add(config, "partial_rotary_factor", at(rope, "partial_rotary_factor"));
  add(config, "original_max_position_embeddings", at(rope, "original_max_position_embeddings"));
  const ordered_json type = at(rope, "rope_type");
  if (!type.is_string() || type == "default" || has(config, "rope_scaling")) return;
  rope.erase("rope_theta");
  rope.erase("partial_rotary_factor");
  rope["type"] = type;
  config["rope_scaling"] = rope;
}

// Where full attention comes first, which mlx-lm takes for every so many layers.
void add_window_pattern(ordered_json& config) {
  const ordered_json kinds = at(config, "layer_types");
  if (!kinds.is_array()) return;
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] != "full_attention") continue;
    add(config, "sliding_window_pattern", i + 1);
    return;
  }
}

void add_to(ordered_json& config) {
  const ordered_json rope = at(config, "rope_parameters");
  if (at(config, "model_type") == "gemma3_text") add_window_pattern(config);
  if (at(rope, "full_attention").is_object()) {
    add_rope(config, rope["full_attention"]);
    add(config, "rope_local_base_freq", at(at(rope, "sliding_attention"), "rope_theta"));
  } else if (rope.is_object()) {
    add_rope(config, rope);
  }
  // Of all families mlx-lm's Phi-3 alone does not know the newer name.
  const bool is_phi3 = at(config, "model_type") == "phi3";
  if (is_phi3 && has(config, "rope_scaling") && config["rope_scaling"].is_object()) {
    add(config["rope_scaling"], "type", at(config["rope_scaling"], "rope_type"));
  }
  add(config, "torch_dtype", at(config, "dtype"));
  if (at(config, "model_type") == "qwen3_moe") {
    add(config, "num_experts", at(config, "num_local_experts"));
    add(config, "mlp_only_layers", ordered_json::array());
    const ordered_json width = at(config, "hidden_size"), heads = at(config, "num_attention_heads");
    if (width.is_number_integer() && heads.is_number_integer() && heads.get<int64_t>() > 0) {
      add(config, "head_dim", width.get<int64_t>() / heads.get<int64_t>());
    }
  }
}

}  // namespace

void add_older_keys(ordered_json& config) {
  add_to(config);
  if (at(config, "text_config").is_object()) {
    ordered_json& part = config["text_config"];
    if (at(config, "model_type") == "gemma3") add(part, "model_type", "gemma3_text");
    add_to(part);
    add(config, "vocab_size", at(config["text_config"], "vocab_size"));
  }
}

}  // namespace graft::io
