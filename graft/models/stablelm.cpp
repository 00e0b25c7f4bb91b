#include "graft/models/stablelm.h"

#include <mlx/ops.h>

#include "graft/models/family.h"

namespace graft::models {
namespace {

// `<path>.norms.<head>.weight` [C] of each head.
HeadNorm head_norm(Family& family, const std::string& path, int heads, int width) {
  std::vector<mx::array> weights;
  for (int head = 0; head < heads; ++head) {
    weights.push_back(family.source().vector(fmt::format("{}.norms.{}.weight", path, head), width));
  }
  mx::array all = mx::concatenate(weights, 0);
  all.eval();
  const nn::Norm norm{.weight = mx::ones({width}, all.dtype()),
                      .eps = family.number("layer_norm_eps", 1e-5),
                      .centered = true};
  return {norm, width, all};
}

}  // namespace

std::unique_ptr<Model> make_stablelm(const ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention();
  attention.qkv_bias = family.config().boolean("use_qkv_bias", false);
  const ops::AttentionOptions& heads = attention.options;
  const bool normed = family.config().boolean("qk_layernorm", false);
  const bool parallel = family.config().boolean("use_parallel_residual", false);
  const auto norm = [&](const std::string& path) {
    return family.layer_norm(path, family.hidden_size(), "layer_norm_eps");
  };
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) -> Block {
        Block block{.before_attention = norm(at + "input_layernorm"),
                    .after_attention = {},
                    .before_mlp = {},
                    .after_mlp = {},
                    .attention = Attention(family.source(), at + "self_attn", attention),
                    .mlp = Mlp(family.source(), at + "mlp", family.mlp()),
                    .parallel = parallel};
        if (!parallel) block.before_mlp = norm(at + "post_attention_layernorm");
        if (normed) {
          const std::string path = at + "self_attn.";
          block.attention.q_norm =
              head_norm(family, path + "q_layernorm", heads.heads, heads.head_dim);
          block.attention.k_norm =
              head_norm(family, path + "k_layernorm", heads.kv_heads, heads.head_dim);
        }
        return block;
      },
      {.norm = norm});
  parts.ropes = {family.rope(heads.head_dim, {.partial_rotary_factor = 0.25})};
  return family.make(std::move(parts));
}

}  // namespace graft::models
