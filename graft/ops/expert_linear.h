#pragma once

#include <mlx/array.h>

#include <memory>
#include <optional>
#include <vector>

#include "graft/ops/linear.h"
#include "graft/ops/weight.h"

namespace graft::ops {

/// The matrices of the same linear layer of E experts.
struct ExpertWeights {
  std::vector<Weight> each;     // [out, in], row-major and evaluated
  std::optional<Weight> stack;  // [E, out, in], if `each` are parts of it
  // Weights that change: the stack's dense array, or without one each one's; or scales and biases
  // of a stack that is quantized in mode affine. Of `each` of a stack the shapes alone are read
  // then.
  bool trained = false;
};

/// One of the projections that read the same input.
struct ExpertProjection {
  std::shared_ptr<const ExpertWeights> weights;
  std::optional<LoraUpdate> lora;  // a [E, R, in], b [E, out, R]
};

/// y_i of every projection of x [N, in], where row n goes to expert experts[n] of [N] int32, in
/// ascending order: x_n w_e^T + scale_i * (x_n a_e^T) b_e^T. As ops::linear otherwise, but that of
/// the weights, and of scales and biases, those alone are differentiable that are `trained`;
/// experts that no row goes to are not read, and their gradients are 0.
std::vector<mx::array> expert_linear(const mx::array& x, const mx::array& experts,
                                     const std::vector<ExpertProjection>& projections);

}  // namespace graft::ops
