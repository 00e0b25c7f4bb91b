#pragma once

#include <mlx/array.h>

#include "graft/ops/head.h"

namespace graft::ops {

/// How far next-token distributions are from those that they should be: of each token the
/// Kullback-Leibler divergence sum_v p_v log(p_v / q_v), in nats.
struct HeadDivergence {
  mx::array sum;     // f32 scalar: the sum of weight * divergence, over `divisor`
  mx::array tokens;  // [N] f32: each token's
};

/// What a head makes of states [N, D].
struct Predictions {
  const mx::array& states;
  const Head& head;
};

/// What a divergence is differentiated by, through its sum: the predicted states, and the scales
/// and biases of the predicted head's matrix, which is quantized in mode affine then.
enum class DivergenceGradient { none, of_states, of_states_and_scales };

/// Of q, `predicted`, from p, `wanted`; `weights` [N], f32. Chunked over tokens, so that the [N, V]
/// logits never exist as a whole. A gradient is computed along with the sum; an update of the
/// predicted head then has no input of its own, and counts as a constant.
HeadDivergence head_divergence(const Predictions& predicted, const Predictions& wanted,
                               const mx::array& weights, double divisor,
                               DivergenceGradient gradient);

}  // namespace graft::ops
