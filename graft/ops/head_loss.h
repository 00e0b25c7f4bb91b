#pragma once

#include <mlx/array.h>

#include "graft/ops/head.h"

namespace graft::ops {

namespace mx = mlx::core;

/// The expected next tokens: int32 ids [N], and the weight of each token's loss, f32 [N]. A token
/// with weight 0 carries no loss, and its id means nothing.
struct Targets {
  mx::array ids;
  mx::array weights;
};

/// Which output of a loss is differentiated, if any. The gradient of the sum is computed along with
/// its value, so that the logits are computed once. If the single losses are differentiated (any
/// function of them can follow), the logits are computed again for the gradient.
enum class LossGradient { none, of_sum, of_losses };

struct HeadLoss {
  mx::array sum;     // f32 scalar: the sum of weight * loss, over `divisor`
  mx::array losses;  // [N] f32: each token's, 0 where its weight is 0
};

/// Cross-entropy of the next-token logits of h [N, D] against targets. Head and loss are one
/// operation, chunked over tokens: the [N, V] logits never exist as a whole. `divisor`, the total
/// weight of the tokens of a step, is applied before the gradient is rounded to h's type.
/// Differentiable in h: with `of_sum` only through the sum, with `of_losses` through both; and in a
/// dense head's weight, in its bias and in its update.
HeadLoss head_loss(const mx::array& h, const Head& head, const Targets& targets, double divisor,
                   LossGradient gradient);

}  // namespace graft::ops
