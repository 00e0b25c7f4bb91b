#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/models/model.h"
#include "graft/models/tensor_source.h"
#include "graft/nn/norm.h"
#include "graft/ops/attention.h"

namespace graft::models {

/// The attention settings of a layer, from a family's config.
struct AttentionConfig {
  ops::AttentionOptions options;
  int hidden_size = 0;
  bool qkv_bias = false, output_bias = false;
  std::optional<int> rope = 0;  // the model's RoPE table that rotates q and k; none: no rotation
  std::string output = "o_proj";
  bool fused = false;  // one qkv_proj [H*C + 2*K*C, D]
};

/// A norm of the heads of q or k [N, heads*C], before they are rotated.
struct HeadNorm {
  nn::Norm norm;
  int width = 0;                     // elements normed together: C, or all of heads*C
  std::optional<mx::array> weights;  // [heads*C]: separate weights for each head, after a
                                     // norm without weights
  mx::array operator()(const mx::array& x) const;
};

/// Causal self-attention with its projections.
class Attention {
 public:
  Attention(TensorSource& source, const std::string& path, const AttentionConfig& config);

  /// The heads' norms; none unless set.
  std::optional<HeadNorm> q_norm, k_norm;

  /// x [N, D] to [N, D], of layer `index`.
  mx::array operator()(int index, const mx::array& x, const Context& context) const;
  /// Its weights.
  void add_to(std::vector<Part>& parts, int layer);
  int head_dim() const { return config_.options.head_dim; }
  const AttentionConfig& config() const { return config_; }

 private:
  struct Inputs {
    mx::array q, k, v;
  };
  Inputs project(const mx::array& x, const Dropout& dropout) const;

  AttentionConfig config_;
  std::vector<nn::Linear> inputs_;  // q, k and v, or all in one
  nn::Linear output_;
};

}  // namespace graft::models
