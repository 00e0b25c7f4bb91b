#include "graft/models/starcoder2.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_starcoder2(const io::ModelFolder& folder,
                                       std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  family.set_norm({.eps_key = "norm_epsilon", .centered = true});
  const bool bias = family.config().boolean("use_bias", true);
  AttentionConfig attention = family.attention();
  attention.qkv_bias = attention.output_bias = bias;
  attention.options.window = family.window();
  MlpConfig mlp = family.mlp("hidden_act", "gelu_pytorch_tanh");
  mlp.form = MlpConfig::Form::plain;
  mlp.bias = bias;
  mlp.up = "c_fc";
  mlp.down = "c_proj";
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) { return family.llama_block(at, attention, mlp); });
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
