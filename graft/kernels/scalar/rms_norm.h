#pragma once

#include <cmath>
#include <vector>

#include "graft/kernels/convert.h"
#include "graft/kernels/rms_norm.h"

namespace graft::kernels {

/// add_rms_norm as plain loops, accumulated in double: what the vector code is tested against.
inline void add_rms_norm_scalar(const NormShape& shape, const void* h, const void* delta,
                                const void* weight, void* sum, void* normed) {
  std::vector<float> s(static_cast<size_t>(shape.width));
  for (int64_t row = 0; row < shape.rows; ++row) {
    const int64_t at = row * shape.width;
    double squares = 0;
    for (int64_t i = 0; i < shape.width; ++i) {
      float x = load_scalar(shape.type, h, at + i);
      if (delta != nullptr) {
        store_scalar(shape.type, sum, at + i, x + load_scalar(shape.type, delta, at + i));
        x = load_scalar(shape.type, sum, at + i);
      }
      s[static_cast<size_t>(i)] = x;
      squares += double{x} * x;
    }
    const double r = 1 / std::sqrt(squares / static_cast<double>(shape.width) + shape.eps);
    for (int64_t i = 0; i < shape.width; ++i) {
      double y = s[static_cast<size_t>(i)] * r * load_scalar(shape.weight_type, weight, i);
      store_scalar(shape.type, normed, at + i, static_cast<float>(y));
    }
  }
}

/// add_rms_norm_backward as plain loops, accumulated in double.
inline void add_rms_norm_backward_scalar(const NormShape& shape, const void* sum,
                                         const void* weight, const void* d_normed,
                                         const void* d_sum, void* d_h) {
  const double n = static_cast<double>(shape.width);
  for (int64_t row = 0; row < shape.rows; ++row) {
    const int64_t at = row * shape.width;
    auto s = [&](int64_t i) { return double{load_scalar(shape.type, sum, at + i)}; };
    auto wg = [&](int64_t i) {
      return double{load_scalar(shape.weight_type, weight, i)} *
             load_scalar(shape.type, d_normed, at + i);
    };
    double squares = 0, product = 0;
    for (int64_t i = 0; i < shape.width; ++i) {
      squares += s(i) * s(i);
      product += s(i) * wg(i);
    }
    const double r = 1 / std::sqrt(squares / n + shape.eps);
    for (int64_t i = 0; i < shape.width; ++i) {
      double ds = r * wg(i) - r * r * r / n * product * s(i);
      if (d_sum != nullptr) ds += load_scalar(shape.type, d_sum, at + i);
      store_scalar(shape.type, d_h, at + i, static_cast<float>(ds));
    }
  }
}

}  // namespace graft::kernels
