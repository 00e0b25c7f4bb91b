#pragma once

#include <cmath>

#include "graft/kernels/adam.h"

namespace graft::kernels {

/// adam_update as a plain loop in double: what the vector code is tested against.
inline void adam_update_scalar(const AdamOptions& options, int64_t count, const float* gradient,
                               const float* p, const float* m, const float* v, float* p_out,
                               float* m_out, float* v_out) {
  for (int64_t i = 0; i < count; ++i) {
    const double g = gradient[i], rate = options.learning_rate;
    const double m1 = options.beta1 * double{m[i]} + (1 - options.beta1) * g;
    const double v1 = options.beta2 * double{v[i]} + (1 - options.beta2) * g * g;
    const double step = rate * (m1 / options.bias_correction1) /
                        (std::sqrt(v1 / options.bias_correction2) + options.eps);
    const double decayed = p[i] - rate * options.weight_decay * p[i];
    m_out[i] = static_cast<float>(m1);
    v_out[i] = static_cast<float>(v1);
    p_out[i] = static_cast<float>(decayed - step);
  }
}

}  // namespace graft::kernels
