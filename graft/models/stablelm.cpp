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
  mx::array ones = mx::ones({width}, all.dtype());
  mx::eval({all, ones});
  const nn::Norm norm{
      .weight = ones, .eps = family.norm_eps(), .centered = true, .path = path + ".norms"};
  return {norm, width, all};
}

}  // namespace

std::unique_ptr<Model> make_stablelm(const io::ModelFolder& folder,
                                     std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  family.set_norm({.eps_key = "layer_norm_eps", .centered = true});
  AttentionConfig attention = family.attention();
  attention.qkv_bias = family.config().boolean("use_qkv_bias", false);
  const ops::AttentionOptions& heads = attention.options;
  const bool normed = family.config().boolean("qk_layernorm", false);
  const bool parallel = family.config().boolean("use_parallel_residual", false);
  const MlpConfig mlp = family.mlp();
  DecoderParts parts = family.parts([&](const std::string& at, int) {
    Block block = parallel ? family.parallel_block(at, attention, mlp)
                           : family.llama_block(at, attention, mlp);
    if (normed) {
      const std::string path = at + "self_attn.";
      block.attention.q_norm = head_norm(family, path + "q_layernorm", heads.heads, heads.head_dim);
      block.attention.k_norm =
          head_norm(family, path + "k_layernorm", heads.kv_heads, heads.head_dim);
    }
    return block;
  });
  parts.ropes = {family.rope(heads.head_dim, true)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
