#pragma once

#include <mlx/array.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/nn/linear.h"
#include "graft/ops/expert_linear.h"

namespace graft::nn {

/// The same linear layer of E experts, each with a weight of its own.
struct ExpertLinear {
  std::string path;  // of all: "model.layers.0.mlp.switch_mlp.up_proj"
  std::shared_ptr<ops::ExpertWeights> weights;
  std::vector<std::string> paths{};  // of each, if the checkpoint stores them one by one

  /// One for all experts, as in mlx-lm: a is [E, R, in], b [E, out, R].
  std::optional<LoraAdapter> adapter{};
  std::vector<mx::array>* read = nullptr;  // if set, gets the x of each call

  int count() const { return static_cast<int>(weights->each.size()); }
  int in() const { return weights->each.front().in(); }
  int out() const { return weights->each.front().out(); }

  mx::Shape a_shape(int rank) const { return {count(), rank, in()}; }
  mx::Shape b_shape(int rank) const { return {count(), out(), rank}; }

  /// One expert as a separate layer, with its part of the adapter.
  Linear expert(int index) const;
};

/// The outputs of layers that read the same x [N, in], whose row n goes to expert experts[n] of
/// [N], in ascending order. With a key, adapters' dropout is applied.
std::vector<mx::array> project(const mx::array& x, const mx::array& experts,
                               const std::vector<const ExpertLinear*>& layers,
                               const std::optional<DropoutKey>& dropout_key);

}  // namespace graft::nn
