#pragma once

#include <algorithm>
#include <cmath>

#include "graft/kernels/convert.h"
#include "graft/kernels/cross_entropy.h"

namespace graft::kernels {

/// cross_entropy as plain loops in double: what the vector code is tested against.
inline void cross_entropy_scalar(const CrossEntropyShape& shape, const float* logits,
                                 const int32_t* targets, const float* weights, float* losses,
                                 void* gradient) {
  for (int64_t row = 0; row < shape.rows; ++row) {
    const float* x = logits + row * shape.vocab;
    const double max = *std::max_element(x, x + shape.vocab);
    double sum = 0;
    for (int64_t i = 0; i < shape.vocab; ++i) sum += std::exp(x[i] - max);
    const double log_sum = max + std::log(sum);
    if (losses != nullptr) losses[row] = static_cast<float>(log_sum - x[targets[row]]);
    if (gradient == nullptr) continue;
    for (int64_t i = 0; i < shape.vocab; ++i) {
      const double p = std::exp(x[i] - log_sum) - (i == targets[row] ? 1 : 0);
      store_scalar(shape.gradient_type, gradient, row * shape.vocab + i,
                   static_cast<float>(weights[row] * p));
    }
  }
}

}  // namespace graft::kernels
