#include "graft/models/gemma3.h"

#include <utility>

#include "graft/base/error.h"
#include "graft/models/family.h"
#include "graft/models/gemma_parts.h"

namespace graft::models {
namespace {

json object_at(const json& config, const char* key, const std::string& what) {
  const json value = config.value(key, json());
  if (value.is_null()) return json::object();
  if (!value.is_object()) fail("{}: {} must be an object", what, key);
  return value;
}

// The config as if it had only one RoPE, that of this kind of layers. Parameters outside of a kind
// of layers are ignored, as in transformers.
json rope_config(const Family& family, const char* kind, const char* theta) {
  json result = family.config_json();
  json own = object_at(object_at(result, "rope_parameters", family.what()), kind, family.what());
  if (std::string_view(kind) == "full_attention") {
    own.update(object_at(result, "rope_scaling", family.what()));
  }
  if (own.value("rope_theta", json()).is_null()) own["rope_theta"] = family.config().number(theta);
  result["rope_parameters"] = own;
  for (const char* key : {"rope_theta", "rope_scaling", "original_max_position_embeddings"}) {
    result.erase(key);
  }
  return result;
}

// The text model's config in a multimodal one.
json text_config(const io::ModelFolder& folder) {
  json config = folder.config().value("text_config", json());
  if (!config.is_object()) {
    fail("{}: has no text_config", (folder.path() / "config.json").string());
  }
  config["model_type"] = "gemma3_text";
  return config;
}

std::unique_ptr<Model> make(Family family) {
  AttentionConfig attention = gemma_attention(family);
  const MlpConfig mlp = gemma_mlp(family, "hidden_activation");
  gemma_scale(family, attention);
  attention.options.soft_cap = gemma_cap(family, "attn_logit_softcapping");
  const int pattern = family.integer("sliding_window_pattern");
  const std::vector<int> windows =
      layer_windows(family, [&](int i) { return (i + 1) % pattern != 0; });
  const int width = attention.options.head_dim;
  DecoderParts parts = gemma_parts(family, [&](const std::string& at, int index) {
    attention.options.window = windows[static_cast<size_t>(index)];
    attention.rope = attention.options.window > 0 ? 1 : 0;
    Block block = gemma_sandwich(family, at, attention, mlp);
    block.attention.q_norm = family.head_norm(at + "self_attn.q_norm", width);
    block.attention.k_norm = family.head_norm(at + "self_attn.k_norm", width);
    return block;
  });
  parts.final_soft_cap = gemma_cap(family, "final_logit_softcapping");
  for (const json& config : {rope_config(family, "full_attention", "rope_theta"),
                             rope_config(family, "sliding_attention", "rope_local_base_freq")}) {
    parts.ropes.push_back(nn::Rope::from_config(config, width, family.what()));
  }
  return family.make(std::move(parts));
}

}  // namespace

std::unique_ptr<Model> make_gemma3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  return make(Family(folder, dtype));
}

std::unique_ptr<Model> make_gemma3_multimodal(const io::ModelFolder& folder,
                                              std::optional<mx::Dtype> dtype) {
  return make(Family(folder, dtype, text_config(folder), LanguageModelNames::of_part(folder)));
}

}  // namespace graft::models
