#pragma once

#include "graft/kernels/lion.h"

namespace graft::kernels {

/// lion_update as a plain loop in double: what the vector code is tested against.
inline void lion_update_scalar(const LionOptions& options, int64_t count, const float* gradient,
                               const float* p, const float* m, float* p_out, float* m_out) {
  for (int64_t i = 0; i < count; ++i) {
    const double g = gradient[i], m0 = m[i], rate = options.learning_rate;
    const double direction = options.beta1 * m0 + (1 - options.beta1) * g;
    const double sign = direction > 0 ? 1 : direction < 0 ? -1 : 0;
    m_out[i] = static_cast<float>(options.beta2 * m0 + (1 - options.beta2) * g);
    p_out[i] = static_cast<float>(p[i] - rate * options.weight_decay * p[i] - rate * sign);
  }
}

}  // namespace graft::kernels
