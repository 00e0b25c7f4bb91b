#pragma once

#include <mlx/array.h>

#include <optional>

namespace graft::ops {

namespace mx = mlx::core;

/// How far the distributions q = softmax(predicted) are from p = softmax(wanted), row by row.
struct Divergence {
  mx::array rows;                     // [n] f32: sum_v p_v log(p_v / q_v), in nats
  std::optional<mx::array> gradient;  // [n, V] f32: weight * (q - p), by the predicted scores
};

/// Of scores [n, V] and weights [n], f32. Not differentiable itself: the gradient comes with it if
/// it is wanted.
Divergence divergence(const mx::array& predicted, const mx::array& wanted, const mx::array& weights,
                      bool with_gradient);

}  // namespace graft::ops
