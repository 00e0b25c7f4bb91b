#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "graft/ops/weight.h"

namespace graft::ops {

/// A low-rank update of a linear layer (Hu et al. 2021, arXiv:2106.09685): adds scale * (x a) b.
struct LoraUpdate {
  mx::array a;  // [in, R], f32
  mx::array b;  // [R, out], f32
  float scale;
  std::optional<mx::array> x;  // its input if it is not the layer's (dropout), [N, in]
  // g [out], f32: y = g * (x w^T + update) + bias (DoRA, Liu et al. 2024, arXiv:2402.09353).
  std::optional<mx::array> factors = {};
};

/// One of the projections that read the same input.
struct Projection {
  Weight weight;
  std::optional<mx::array> bias;  // [out]
  std::optional<LoraUpdate> lora;
};

/// y_i = x w_i^T + bias_i + scale_i * (x a_i) b_i for every projection of x [N, in], in x's dtype
/// with f32 accumulation. Differentiable in x, in the a_i, b_i and g_i, in dense w_i and biases,
/// and in scales and biases of w_i in mode affine: the gradient of x is summed over the projections
/// in f32 before it is rounded, the others are f32 until they take their argument's type. What no
/// gradient is asked of costs nothing.
std::vector<mx::array> linear(const mx::array& x, const std::vector<Projection>& projections);

/// On our kernels a row's results do not depend on the other rows, nor on how many there are, if
/// these are more than this: fewer are multiplied in another way. In MLX's operations they may.
int64_t most_few_rows();

}  // namespace graft::ops
