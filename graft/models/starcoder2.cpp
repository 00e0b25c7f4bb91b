#include "graft/models/starcoder2.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_starcoder2(const ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  const bool bias = family.config().boolean("use_bias", true);
  AttentionConfig attention = family.attention();
  attention.qkv_bias = attention.output_bias = bias;
  attention.options.window = family.window(0);
  MlpConfig mlp = family.mlp();
  mlp.form = MlpConfig::Form::plain;
  mlp.activation = family.activation("hidden_act", "gelu_pytorch_tanh");
  mlp.bias = bias;
  mlp.up = "c_fc";
  mlp.down = "c_proj";
  const auto norm = [&](const std::string& path) {
    return family.layer_norm(path, family.hidden_size(), "norm_epsilon");
  };
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) -> Block {
        return {.before_attention = norm(at + "input_layernorm"),
                .after_attention = {},
                .before_mlp = norm(at + "post_attention_layernorm"),
                .after_mlp = {},
                .attention = Attention(family.source(), at + "self_attn", attention),
                .mlp = Mlp(family.source(), at + "mlp", mlp)};
      },
      {.norm = norm, .tied = true});
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
