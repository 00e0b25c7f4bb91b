#include "graft/models/phi3.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

namespace {

// The first releases of Phi-3 say "su" or "yarn" and mean longrope (configuration_phi3.py).
json with_phi3_type(json config) {
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!config.contains(key) || !config[key].is_object()) continue;
    for (const char* type : {"rope_type", "type"}) {
      json& value = config[key][type];
      if (value == "su" || value == "yarn") value = "longrope";
    }
  }
  return config;
}

}  // namespace

std::unique_ptr<Model> make_phi3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention();
  attention.fused = true;
  attention.options.window = family.window();
  MlpConfig mlp = family.mlp();
  mlp.form = MlpConfig::Form::fused_gated;
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) { return family.llama_block(at, attention, mlp); });
  parts.ropes = {nn::Rope::from_config(with_phi3_type(family.config_json()),
                                       attention.options.head_dim, family.what(), true)};
  parts.default_lora_keys = {"self_attn.qkv_proj"};
  return family.make(std::move(parts));
}

}  // namespace graft::models
