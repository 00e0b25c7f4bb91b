#pragma once

#include <mlx/array.h>

#include "graft/ops/head.h"

namespace graft::ops {

namespace mx = mlx::core;

/// What the next tokens should be: int32 ids [N], and the weight of each one's loss, f32 [N]; 0:
/// it carries none, and its id means nothing.
struct Targets {
  mx::array ids;
  mx::array weights;
};

/// What a loss is differentiated by, if at all. The gradient of the sum is taken along with its
/// value, so that the logits are computed once. Where the single losses are (any function of them
/// can follow), the logits are computed again for the gradient.
enum class LossGradient { none, of_sum, of_losses };

struct HeadLoss {
  mx::array sum;     // f32 scalar: the sum of weight * loss, over `divisor`
  mx::array losses;  // [N] f32: each token's, 0 where its weight is 0
};

/// Cross-entropy of the next-token logits of h [N, D] against targets. Head and loss are one
/// operation, chunked over tokens: the [N, V] logits never exist as a whole. `divisor`, the weight
/// of all that a step sums up, divides before the gradient is rounded to h's type. Differentiable
/// in h: with `of_sum` through the sum alone, with `of_losses` through both.
HeadLoss head_loss(const mx::array& h, const Head& head, const Targets& targets, double divisor,
                   LossGradient gradient);

}  // namespace graft::ops
