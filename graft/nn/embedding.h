#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>

#include "graft/nn/dropout.h"
#include "graft/nn/linear.h"

namespace graft::nn {

/// The embedding of a model: rows of a matrix by the ids of tokens. With an adapter a [V, R], b [R,
/// D] row i is E[i] + scale * a[i] b, where dropout applies to what is added. Where the head is the
/// same matrix, so is its update, as in mlx-lm: h E^T + scale * (dropout(h) b^T) a^T.
struct Embedding {
  std::string path;    // "model.embed_tokens"
  ops::Weight weight;  // [V, D]
  std::optional<LoraAdapter> adapter{};

  int in() const { return weight.out(); }  // V
  int out() const { return weight.in(); }  // D

  mx::Shape a_shape(int rank) const { return {in(), rank}; }
  mx::Shape b_shape(int rank) const { return {rank, out()}; }

  /// Rows [N, D] of `dtype` at int32 ids [N].
  mx::array operator()(const mx::array& ids, mx::Dtype dtype,
                       const std::optional<DropoutKey>& dropout_key) const;
  /// The adapter as that of a linear layer of this weight: b^T [D, R] and a^T [R, V].
  std::optional<LoraAdapter> adapter_as_linear() const;
};

}  // namespace graft::nn
