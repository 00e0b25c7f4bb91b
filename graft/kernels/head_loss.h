#pragma once

#include <cstdint>

#include "graft/kernels/linear.h"

namespace graft::kernels {

/// An update of rank R.
struct HeadUpdate {
  int64_t rank = 0;  // R; 0: there is none
  float scale = 0;
  const float* xa = nullptr;  // [N, R], of the rows of h
  const float* b = nullptr;   // [R, V]
};

/// Turns hidden states h [N, D] into logits: h w^T + bias, then soft_cap * tanh(logit / soft_cap)
/// if soft_cap is above 0 (Gemma 2's final_logit_softcapping, arXiv:2408.00118). With an update, h
/// w^T + scale * xa b stands for h w^T.
struct Head {
  LinearWeight weight;          // [V, D]
  const float* bias = nullptr;  // [V], or null
  float soft_cap = 0;
  HeadUpdate update = {};
  bool int8 = false;  ///< h may be rounded for the logits, as PanelProduct says
};

/// The targets that a head's logits are compared with.
struct Targets {
  const int32_t* ids;    // [N]
  const float* weights;  // [N]; 0: the token carries no loss, and its id means nothing
  double divisor = 1;    // of the sum and its gradient
};

/// The gradients of the sum of the losses, where they are wanted.
struct HeadGradients {
  void* h = nullptr;        // [N, D] of h's type, rounded once
  float* weight = nullptr;  // [V, D], of a dense weight; only with h
  float* bias = nullptr;    // [V]; only with h
  // [N, R] and [R, V] of the update; both or none, only with h.
  float *xa = nullptr, *b = nullptr;

  bool of_head() const { return weight != nullptr || bias != nullptr || b != nullptr; }
};

/// The bytes of the buffers that head_loss keeps, for `count` tokens that carry loss of `rows`:
/// blocks of logits and what becomes of them. What its products take of `reused_scratch` is not
/// counted: they are no larger than other layers'.
size_t head_loss_scratch(const LinearWeight& weight, int64_t rows, int64_t count, ScalarType type,
                         bool with_gradient, bool with_head_gradient = false, int64_t rank = 0);

/// Cross-entropy of a head's logits against targets: `losses` [N] (0 where the weight is 0), and
/// the sum of weight times loss over the divisor, and the gradients of that sum. Those of the head
/// are summed over the tokens in f32. Tokens that carry no loss are never multiplied. Throws Error
/// for an id outside of the vocabulary.
float head_loss(const Head& head, const Rows& h, const Targets& targets, float* losses,
                const HeadGradients& gradients);

}  // namespace graft::kernels
