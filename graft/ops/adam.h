#pragma once

#include <mlx/array.h>

#include <cstdint>

namespace graft::ops {

namespace mx = mlx::core;

/// In what 1 - beta^t is computed: as MLX does, which is up to 1.3e-5 off, or as PyTorch does.
enum class CorrectionIn { f32, f64 };

struct AdamOptions {
  float learning_rate;
  double beta1 = 0.9;
  double beta2 = 0.999;
  float eps = 1e-8f;
  float weight_decay = 0;      // decoupled: p shrinks by learning_rate * weight_decay * p
  int64_t corrected_step = 0;  // step for the bias correction of m and v, from 1;
                               // 0: no correction
  CorrectionIn correction_in = CorrectionIn::f32;
};

/// A parameter with the moving averages of its gradient and of its square, all f32.
struct AdamState {
  mx::array parameter, m, v;
};

/// The divisors of m and v.
struct BiasCorrection {
  float m = 1, v = 1;
};
BiasCorrection bias_correction(const AdamOptions& options);

/// One step of Adam (Kingma and Ba 2014, arXiv:1412.6980; its decay decoupled: Loshchilov and
/// Hutter 2017, arXiv:1711.05101): m' = b1 m + (1-b1) g, v' = b2 v + (1-b2) g^2, and, with c1 = 1 -
/// b1^t and c2 = 1 - b2^t where bias is corrected, else 1,
///   p' = p - lr wd p - lr (m' / c1) / (sqrt(v' / c2) + eps).
/// The defaults are MLX's: without correction and decay.
AdamState adam_step(const AdamState& state, const mx::array& gradient, const AdamOptions& options);

}  // namespace graft::ops
