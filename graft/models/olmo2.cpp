#include "graft/models/olmo2.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_olmo2(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  const AttentionConfig attention = family.attention_with_biases();
  const int q = attention.options.heads * attention.options.head_dim;
  const int k = attention.options.kv_heads * attention.options.head_dim;
  DecoderParts parts = family.parts([&](const std::string& at, int) -> Block {
    Block block{.before_attention = {},
                .after_attention = family.norm(at + "post_attention_layernorm"),
                .before_mlp = {},
                .after_mlp = family.norm(at + "post_feedforward_layernorm"),
                .attention = Attention(family.source(), at + "self_attn", attention),
                .mlp = Mlp(family.source(), at + "mlp", family.mlp())};
    block.attention.q_norm = family.head_norm(at + "self_attn.q_norm", q);
    block.attention.k_norm = family.head_norm(at + "self_attn.k_norm", k);
    return block;
  });
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
