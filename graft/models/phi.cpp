#include "graft/models/phi.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_phi(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  family.set_norm({.eps_key = "layer_norm_eps", .centered = true});
  AttentionConfig attention = family.attention();
  attention.qkv_bias = attention.output_bias = true;
  attention.output = "dense";
  MlpConfig mlp = family.mlp("hidden_act", "gelu_new");
  mlp.form = MlpConfig::Form::plain;
  mlp.bias = true;
  mlp.up = "fc1";
  mlp.down = "fc2";
  const int width = attention.options.head_dim;
  const bool normed = family.config().boolean("qk_layernorm", false);
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) {
        Block block = family.parallel_block(at, attention, mlp);
        if (normed) {
          block.attention.q_norm = family.head_norm(at + "self_attn.q_layernorm", width);
          block.attention.k_norm = family.head_norm(at + "self_attn.k_layernorm", width);
        }
        return block;
      },
      {.norm_path = "model.final_layernorm", .head_bias = true});
  parts.ropes = {family.rope(width, true)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
