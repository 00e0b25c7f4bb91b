#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>
#include <vector>

#include "graft/ops/weight.h"

namespace graft::nn {

namespace mx = mlx::core;

/// A low-rank adapter on a linear layer: y += scale * (dropout(x) a) b. On a layer of experts the
/// arrays are as mlx-lm's: a is [E, R, in], b [E, out, R].
struct LoraAdapter {
  mx::array a;        // [in, R], f32
  mx::array b;        // [R, out], f32
  float scale;        // a direct multiplier
  float dropout = 0;  // the share of x's elements set to zero while training
};

/// A linear layer of a model, by its path in the checkpoint ("model.layers.0.mlp.up_proj").
struct Linear {
  std::string path;
  ops::Weight weight;             // [out, in]
  std::optional<mx::array> bias;  // [out]
  std::optional<LoraAdapter> adapter;

  // Of a layer of experts: the weight of each, `weight` being the first's, and the path of each
  // where the checkpoint has them one by one; where it has them in one tensor, that is at `path`.
  std::vector<ops::Weight> experts{};
  std::vector<std::string> expert_paths{};

  int in() const { return weight.in(); }
  int out() const { return weight.out(); }
  int num_experts() const { return static_cast<int>(experts.size()); }
  /// The rank of its adapter.
  int rank() const { return experts.empty() ? adapter->a.shape(1) : adapter->b.shape(2); }
  /// One expert as a layer by itself.
  Linear expert(int index) const;
};

/// The outputs of layers that read the same x [N, in]; one pass over x. With `training`, adapters'
/// dropout is applied (MLX's random state).
std::vector<mx::array> project(const mx::array& x, const std::vector<const Linear*>& layers,
                               bool training);

}  // namespace graft::nn
