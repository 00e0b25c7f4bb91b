#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>
#include <vector>

#include "graft/ops/weight.h"

namespace graft::nn {

namespace mx = mlx::core;

/// A low-rank adapter on a linear layer: y += scale * (dropout(x) a) b.
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

  int in() const { return weight.in(); }
  int out() const { return weight.out(); }
};

/// The outputs of layers that read the same x [N, in]; one pass over x. With `training`, adapters'
/// dropout is applied (MLX's random state).
std::vector<mx::array> project(const mx::array& x, const std::vector<const Linear*>& layers,
                               bool training);

}  // namespace graft::nn
