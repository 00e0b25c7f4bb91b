#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/nn/dropout.h"
#include "graft/ops/linear.h"

namespace graft::nn {

namespace mx = mlx::core;

/// What DoRA trains beside a and b: the norms of the rows of the adapted weight.
struct Magnitude {
  mx::array m;        // [out], f32
  mx::array squares;  // [out], f32: the squared norms of the rows of the weight itself
  mx::array norms;    // [out], f32: ops::adapted_row_norms, without a gradient
};

/// An update that is not trained: scale * (x a) b.
struct FrozenUpdate {
  mx::array a;  // [in, R], f32
  mx::array b;  // [R, out], f32
};

/// A low-rank adapter on a linear layer: y += scale * (dropout(x) a) b.
struct LoraAdapter {
  mx::array a;        // [in, R], f32
  mx::array b;        // [R, out], f32
  float scale;        // a direct multiplier
  float dropout = 0;  // the share of x's elements set to zero while training

  /// DoRA (Liu et al. 2024, arXiv:2402.09353): y, except for the bias, times m / ||w + update||,
  /// row by row. With dropout, as in PEFT: w x + (m / ||...|| - 1) w x' + the update of x', the
  /// input with its dropped elements.
  std::optional<Magnitude> magnitude = {};
  /// Is added. An adapter that begins with a part of the weight takes this off; without dropout.
  std::optional<FrozenUpdate> frozen = {};

  /// a and b of the whole update, [in, R] and [R, out] with the frozen one's columns behind.
  std::pair<mx::array, mx::array> factors() const;
};

/// The update of the layer at `path`, whose input is x; with a key, its dropout is applied, except
/// DoRA's.
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
  std::vector<mx::array>* read = nullptr;  // if set, gets the x of each call

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
