#include "graft/models/phi.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_phi(const ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention();
  attention.qkv_bias = attention.output_bias = true;
  attention.output = "dense";
  MlpConfig mlp = family.mlp();
  mlp.form = MlpConfig::Form::plain;
  mlp.activation = family.activation("hidden_act", "gelu_new");
  mlp.bias = true;
  mlp.up = "fc1";
  mlp.down = "fc2";
  const int width = attention.options.head_dim;
  const bool normed = family.config().boolean("qk_layernorm", false);
  const auto norm = [&](const std::string& path) {
    return family.layer_norm(path, family.hidden_size(), "layer_norm_eps");
  };
  const auto head_norm = [&](const std::string& path) -> HeadNorm {
    return {family.layer_norm(path, width, "layer_norm_eps"), width, {}};
  };
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) -> Block {
        Block block{.before_attention = norm(at + "input_layernorm"),
                    .after_attention = {},
                    .before_mlp = {},
                    .after_mlp = {},
                    .attention = Attention(family.source(), at + "self_attn", attention),
                    .mlp = Mlp(family.source(), at + "mlp", mlp),
                    .parallel = true};
        if (normed) {
          block.attention.q_norm = head_norm(at + "self_attn.q_layernorm");
          block.attention.k_norm = head_norm(at + "self_attn.k_layernorm");
        }
        return block;
      },
      {.norm = norm, .norm_path = "model.final_layernorm", .head_bias = true});
  parts.ropes = {family.rope(width, {.partial_rotary_factor = 0.5})};
  return family.make(std::move(parts));
}

}  // namespace graft::models
