#pragma once

#include <mlx/array.h>

#include <optional>

namespace graft::ops {

namespace mx = mlx::core;

struct SgdOptions {
  float learning_rate;
  float weight_decay = 0;  // L2: g grows by weight_decay p
  double momentum = 0;
  double dampening = 0;   // what of the gradient is kept out of the velocity
  bool nesterov = false;  // with momentum, without dampening
};

/// A parameter with the moving sum of its gradient, both f32.
struct SgdState {
  mx::array parameter;
  std::optional<mx::array> velocity;  // none without momentum
};

/// One step of gradient descent: p' = p - lr g, or with momentum (Sutskever et al., ICML 2013)
///   v' = momentum v + (1 - dampening) g,  p' = p - lr v',  or Nesterov's p - lr (g + momentum v').
/// MLX's rule: PyTorch's first step has no dampening.
SgdState sgd_step(const SgdState& state, const mx::array& gradient, const SgdOptions& options);

}  // namespace graft::ops
