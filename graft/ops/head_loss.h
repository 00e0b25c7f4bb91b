#pragma once

#include <mlx/array.h>

#include "graft/ops/head.h"

namespace graft::ops {

namespace mx = mlx::core;

struct HeadLoss {
  mx::array mean;    // f32 scalar: the mean over the tokens that carry loss, 0 if none does
  mx::array losses;  // [N] f32: each token's, 0 where it carries none; not differentiable
};

/// Cross-entropy of the next-token logits of h [N, D], against int32 targets [N], where a target of
/// -1 carries no loss. Head and loss are one operation, chunked over tokens: the
/// [N, V] logits never exist as a whole. Differentiable in h; where `with_gradient`, the gradient
/// is taken along the way, so that the logits are computed once.
HeadLoss head_loss(const mx::array& h, const Head& head, const mx::array& targets,
                   bool with_gradient);

}  // namespace graft::ops
