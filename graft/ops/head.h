#pragma once

#include <mlx/array.h>

#include <optional>

#include "graft/ops/weight.h"

namespace graft::ops {

/// Turns hidden states h [N, D] into logits [N, V]: h w^T + bias, then soft_cap * tanh(logit /
/// soft_cap) if soft_cap is above 0 (Gemma 2's final_logit_softcapping, arXiv:2408.00118).
struct Head {
  Weight weight;                    // [V, D]
  std::optional<mx::array> bias{};  // [V], f32
  float soft_cap = 0;
};

/// Logits [N, V], f32; the product is rounded to h's type before bias and cap.
mx::array logits(const mx::array& h, const Head& head);

}  // namespace graft::ops
