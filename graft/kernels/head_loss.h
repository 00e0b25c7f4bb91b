#pragma once

#include <cstdint>

#include "graft/kernels/linear.h"

namespace graft::kernels {

/// What turns hidden states h [N, D] into logits: h w^T + bias, and then soft_cap * tanh(logit /
/// soft_cap) where that is above 0 (Gemma 2's final_logit_softcapping, arXiv:2408.00118).
struct Head {
  LinearWeight weight;          // [V, D]
  const float* bias = nullptr;  // [V], or null
  float soft_cap = 0;
};

/// Cross-entropy of a head's logits against `targets` [N], where -1 carries no loss: `losses` [N]
/// (0 there) and their mean. With `d_h` ([N, D] of h's type), the gradient of the mean with respect
/// to h comes out too. Tokens that carry no loss are never multiplied.
float head_loss(const Head& head, const Rows& h, const int32_t* targets, float* losses, void* d_h);

}  // namespace graft::kernels
