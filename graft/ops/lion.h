#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

struct LionOptions {
  float learning_rate;
  double beta1 = 0.9;  // of the direction
  double beta2 = 0.99;
  float weight_decay = 0;  // decoupled: p shrinks by learning_rate * weight_decay * p
};

/// A parameter with the moving average of its gradient, both f32.
struct LionState {
  mx::array parameter, m;
};

/// One step of Lion (Chen et al., arXiv:2302.06675):
///   p' = p - lr wd p - lr sign(b1 m + (1-b1) g),  m' = b2 m + (1-b2) g.
LionState lion_step(const LionState& state, const mx::array& gradient, const LionOptions& options);

}  // namespace graft::ops
