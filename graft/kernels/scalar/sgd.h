#pragma once

#include "graft/kernels/sgd.h"

namespace graft::kernels {

/// sgd_update as a plain loop in double: what the vector code is tested against.
inline void sgd_update_scalar(const SgdOptions& options, int64_t count, const float* gradient,
                              const float* p, const float* v, float* p_out, float* v_out) {
  for (int64_t i = 0; i < count; ++i) {
    const double g = double{gradient[i]} + double{options.weight_decay} * p[i];
    double step = g;
    if (v != nullptr) {
      const double v1 = double{options.momentum} * v[i] + options.fresh * g;
      step = options.nesterov ? g + options.momentum * v1 : v1;
      v_out[i] = static_cast<float>(v1);
    }
    p_out[i] = static_cast<float>(p[i] - options.learning_rate * step);
  }
}

}  // namespace graft::kernels
