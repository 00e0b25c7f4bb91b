#pragma once

#include <vector>

#include "graft/kernels/convert.h"
#include "graft/kernels/lora.h"

namespace graft::kernels {

/// lora_down as plain loops in double: what the vector code is tested against.
inline void lora_down_scalar(const LoraShape& shape, const void* x, const float* a, float* xa) {
  for (int64_t n = 0; n < shape.rows; ++n) {
    for (int64_t r = 0; r < shape.rank; ++r) {
      double sum = 0;
      for (int64_t i = 0; i < shape.in; ++i) {
        sum += double{load_scalar(shape.type, x, n * shape.in + i)} * a[i * shape.rank + r];
      }
      xa[n * shape.rank + r] = static_cast<float>(sum);
    }
  }
}

/// lora_up_add as plain loops in double.
inline void lora_up_add_scalar(const LoraShape& shape, const float* xa, const float* b, float scale,
                               void* y, const float* factors = nullptr) {
  for (int64_t n = 0; n < shape.rows; ++n) {
    for (int64_t o = 0; o < shape.out; ++o) {
      double sum = 0;
      for (int64_t r = 0; r < shape.rank; ++r) {
        sum += double{xa[n * shape.rank + r]} * b[r * shape.out + o];
      }
      const double before = load_scalar(shape.type, y, n * shape.out + o);
      const double factor = factors == nullptr ? 1.0 : double{factors[o]};
      store_scalar(shape.type, y, n * shape.out + o,
                   static_cast<float>(factor * (before + scale * sum)));
    }
  }
}

/// lora_backward as plain loops in double.
inline void lora_backward_scalar(const LoraShape& shape, const void* x, const float* xa,
                                 const float* b, float scale, const void* d_y, float* d_a,
                                 float* d_b, float* d_xa, const LoraFactors& factors = {}) {
  const int64_t rank = shape.rank;
  std::vector<double> sums(static_cast<size_t>(shape.rows * rank));
  auto dy = [&](int64_t n, int64_t o) {
    const double factor = factors.values == nullptr ? 1.0 : double{factors.values[o]};
    return factor * load_scalar(shape.type, d_y, n * shape.out + o);
  };
  for (int64_t o = 0; o < shape.out && factors.values != nullptr; ++o) {
    const double factor = factors.values[o];
    double sum = 0;
    for (int64_t n = 0; n < shape.rows; ++n) {
      sum += dy(n, o) * load_scalar(shape.type, factors.y, n * shape.out + o);
    }
    factors.gradient[o] = static_cast<float>(factor == 0 ? 0 : sum / (factor * factor));
  }
  for (int64_t r = 0; r < rank; ++r) {
    for (int64_t o = 0; o < shape.out; ++o) {
      double sum = 0;
      for (int64_t n = 0; n < shape.rows; ++n) {
        sum += xa[n * rank + r] * dy(n, o);
        sums[static_cast<size_t>(n * rank + r)] += scale * dy(n, o) * b[r * shape.out + o];
      }
      d_b[r * shape.out + o] = static_cast<float>(scale * sum);
    }
  }
  for (int64_t i = 0; i < shape.in; ++i) {
    for (int64_t r = 0; r < rank; ++r) {
      double sum = 0;
      for (int64_t n = 0; n < shape.rows; ++n) {
        sum +=
            load_scalar(shape.type, x, n * shape.in + i) * sums[static_cast<size_t>(n * rank + r)];
      }
      d_a[i * rank + r] = static_cast<float>(sum);
    }
  }
  for (size_t i = 0; i < sums.size(); ++i) d_xa[i] = static_cast<float>(sums[i]);
}

}  // namespace graft::kernels
