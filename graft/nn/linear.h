#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>
#include <vector>

#include "graft/nn/dropout.h"
#include "graft/ops/linear.h"

namespace graft::nn {

namespace mx = mlx::core;

/// A low-rank adapter on a linear layer: y += scale * (dropout(x) a) b.
struct LoraAdapter {
  mx::array a;        // [in, R], f32
  mx::array b;        // [R, out], f32
  float scale;        // a direct multiplier
  float dropout = 0;  // the share of x's elements set to zero while training
};

/// The update of the layer at `path`, whose input is x; with a key, its dropout is applied.
std::optional<ops::LoraUpdate> update_of(const std::optional<LoraAdapter>& adapter,
                                         const mx::array& x,
                                         const std::optional<DropoutKey>& dropout_key,
                                         const std::string& path);

/// A linear layer of a model, by its path in the checkpoint ("model.layers.0.mlp.up_proj").
struct Linear {
  std::string path;
  ops::Weight weight;             // [out, in]
  std::optional<mx::array> bias;  // [out]
  std::optional<LoraAdapter> adapter;

  int in() const { return weight.in(); }
  int out() const { return weight.out(); }

  mx::Shape a_shape(int rank) const { return {in(), rank}; }
  mx::Shape b_shape(int rank) const { return {rank, out()}; }
};

/// The outputs of layers that read the same x [N, in]; one pass over x. With a key,
/// adapters' dropout is applied.
std::vector<mx::array> project(const mx::array& x, const std::vector<const Linear*>& layers,
                               const std::optional<DropoutKey>& dropout_key);

}  // namespace graft::nn
