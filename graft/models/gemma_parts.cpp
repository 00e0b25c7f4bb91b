#include "graft/models/gemma_parts.h"

#include <cmath>

#include "graft/base/error.h"

namespace graft::models {

AttentionConfig gemma_attention(Family& family) {
  family.require("use_bidirectional_attention", false);
  family.set_norm({.offset = 1});
  return family.attention_with_biases(256);
}

MlpConfig gemma_mlp(const Family& family, const char* key) {
  return family.mlp(key, "gelu_pytorch_tanh");
}

void gemma_scale(const Family& family, AttentionConfig& attention) {
  const auto scalar = static_cast<float>(family.integer("query_pre_attn_scalar"));
  attention.options.scale = 1 / std::sqrt(scalar);
}

float gemma_cap(const Family& family, const char* key) {
  if (!family.config().has(key)) return 0;
  const float cap = family.number(key);
  if (cap <= 0) fail("{}: {} is {}, not above 0", family.what(), key, cap);
  return cap;
}

Block gemma_sandwich(Family& family, const std::string& at, const AttentionConfig& attention,
                     const MlpConfig& mlp) {
  return {.before_attention = family.norm(at + "input_layernorm"),
          .after_attention = family.norm(at + "post_attention_layernorm"),
          .before_mlp = family.norm(at + "pre_feedforward_layernorm"),
          .after_mlp = family.norm(at + "post_feedforward_layernorm"),
          .attention = Attention(family.source(), at + "self_attn", attention),
          .mlp = Mlp(family.source(), at + "mlp", mlp)};
}

DecoderParts gemma_parts(Family& family,
                         const std::function<Block(const std::string& at, int index)>& block) {
  DecoderParts parts = family.parts(block);
  parts.embedding_scale = std::sqrt(static_cast<float>(family.hidden_size()));
  parts.rounds_embedding_scale = true;
  return parts;
}

}  // namespace graft::models
