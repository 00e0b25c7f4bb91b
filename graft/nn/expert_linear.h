#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>
#include <vector>

#include "graft/nn/linear.h"

namespace graft::nn {

/// The same linear layer of E experts, each with a weight of its own.
struct ExpertLinear {
  std::string path;                  // of all: "model.layers.0.mlp.switch_mlp.up_proj"
  std::vector<ops::Weight> weights;  // [out, in] each
  std::vector<std::string> paths{};  // of each, if the checkpoint stores them one by one

  /// One for all experts, as in mlx-lm: a is [E, R, in], b [E, out, R].
  std::optional<LoraAdapter> adapter{};

  int count() const { return static_cast<int>(weights.size()); }
  int in() const { return weights.front().in(); }
  int out() const { return weights.front().out(); }

  mx::Shape a_shape(int rank) const { return {count(), rank, in()}; }
  mx::Shape b_shape(int rank) const { return {count(), out(), rank}; }

  /// One expert as a separate layer, with its part of the adapter.
  Linear expert(int index) const;
};

}  // namespace graft::nn
