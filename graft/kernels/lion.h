#pragma once

#include <cstdint>

namespace graft::kernels {

struct LionOptions {
  float learning_rate;
  double beta1 = 0.9;  ///< in double: see AdamOptions
  double beta2 = 0.99;
  float weight_decay = 0;  ///< decoupled: p shrinks by learning_rate * weight_decay * p
};

/// One step of Lion on `count` parameters, both lines from the old m:
///   p = p (1 - learning_rate weight_decay) - learning_rate sign(beta1 m + (1 - beta1) g),
///   m = beta2 m + (1 - beta2) g,
/// where sign(0) = 0. Each output may be its input. Chen et al., arXiv:2302.06675.
void lion_update(const LionOptions& options, int64_t count, const float* gradient, const float* p,
                 const float* m, float* p_out, float* m_out);

}  // namespace graft::kernels
