#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

struct AdamOptions {
  float learning_rate;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float eps = 1e-8f;
};

/// A parameter with the moving averages of its gradient and of its square, all f32.
struct AdamState {
  mx::array parameter, m, v;
};

/// One step of Adam (Kingma and Ba 2014, arXiv:1412.6980) without bias correction, as MLX's
/// optimizer takes it by default: m' = b1 m + (1-b1) g, v' = b2 v + (1-b2) g^2, p' = p - lr m' /
/// (sqrt(v') + eps).
AdamState adam_step(const AdamState& state, const mx::array& gradient, const AdamOptions& options);

}  // namespace graft::ops
