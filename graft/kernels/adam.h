#pragma once

#include <cstdint>

namespace graft::kernels {

/// The defaults are those of MLX's Adam.
struct AdamOptions {
  float learning_rate;
  double beta1 = 0.9;  ///< in double: 1 - 0.999f is 1.3e-5 away from 0.001f
  double beta2 = 0.999;
  float eps = 1e-8f;
  float weight_decay = 0.0f;      ///< decoupled: p shrinks by learning_rate * weight_decay * p
  float bias_correction1 = 1.0f;  ///< 1 - beta1^step, or 1 for none
  float bias_correction2 = 1.0f;  ///< 1 - beta2^step, or 1 for none
};

/// One step of Adam on `count` parameters:
///   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
///   p = p (1 - learning_rate weight_decay)
///       - learning_rate / bias_correction1 * m / (sqrt(v / bias_correction2) + eps).
/// Each output may be its input. Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter,
/// arXiv:1711.05101.
void adam_update(const AdamOptions& options, int64_t count, const float* gradient, const float* p,
                 const float* m, const float* v, float* p_out, float* m_out, float* v_out);

}  // namespace graft::kernels
