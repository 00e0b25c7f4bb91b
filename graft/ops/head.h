#pragma once

#include <mlx/array.h>

#include <optional>

#include "graft/ops/linear.h"
#include "graft/ops/weight.h"

namespace graft::ops {

/// Turns hidden states h [N, D] into logits [N, V]: h w^T + bias, then soft_cap * tanh(logit /
/// soft_cap) if soft_cap is above 0 (Gemma 2's final_logit_softcapping, arXiv:2408.00118). With an
/// update, h w^T + scale * (h a) b stands for h w^T.
struct Head {
  Weight weight;                    // [V, D]
  std::optional<mx::array> bias{};  // [V], f32
  float soft_cap = 0;
  std::optional<LoraUpdate> lora{};  // without factors
};

/// The head for rows [begin, end) of the hidden states: an input of its own that its update has is
/// cut to them.
Head head_of_rows(const Head& head, int begin, int end);

/// Logits [N, V], f32; the product is rounded to h's type before bias and cap.
mx::array logits(const mx::array& h, const Head& head);

}  // namespace graft::ops
