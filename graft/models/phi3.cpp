#include "graft/models/phi3.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_phi3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  family.set_norm({.eps = 1e-5});
  AttentionConfig attention = family.attention();
  attention.fused = true;
  attention.options.window = family.window(0);
  MlpConfig mlp = family.mlp();
  mlp.form = MlpConfig::Form::fused_gated;
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) { return family.llama_block(at, attention, mlp); });
  parts.ropes = {
      family.rope(attention.options.head_dim,
                  {.partial_rotary_factor = 1, .original_max_position_embeddings = 4096})};
  parts.default_lora_keys = {"self_attn.qkv_proj"};
  return family.make(std::move(parts));
}

}  // namespace graft::models
