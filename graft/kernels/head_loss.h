#pragma once

#include <cstdint>

#include "graft/kernels/linear.h"

namespace graft::kernels {

/// Cross-entropy of the logits h w^T against `targets` [N], where -1 carries no loss: `losses` [N]
/// (0 there) and their mean. With `d_h` ([N, D] of h's type), the gradient of the mean with respect
/// to h comes out too. Tokens that carry no loss are never multiplied.
float head_loss(const LinearWeight& w, const Rows& h, const int32_t* targets, float* losses,
                void* d_h);

}  // namespace graft::kernels
