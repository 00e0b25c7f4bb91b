#pragma once

#include <cmath>

#include "graft/kernels/convert.h"
#include "graft/kernels/layer_norm.h"

namespace graft::kernels {

/// The mean of a row and 1 / sqrt(variance + eps), in double and two passes.
struct LayerNormMoments {
  double mean, scale;
};

inline LayerNormMoments layer_norm_moments(const NormShape& shape, const void* s, int64_t at) {
  const double n = static_cast<double>(shape.width);
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < shape.width; ++i) mean += load_scalar(shape.type, s, at + i) / n;
  for (int64_t i = 0; i < shape.width; ++i) {
    const double x = load_scalar(shape.type, s, at + i) - mean;
    squares += x * x;
  }
  return {mean, 1 / std::sqrt(squares / n + shape.eps)};
}

/// add_layer_norm as plain loops, accumulated in double: what the vector code is tested against.
/// Without delta, `normed` may not be h.
inline void add_layer_norm_scalar(const NormShape& shape, const void* h, const void* delta,
                                  const void* weight, const void* bias, void* sum, void* normed) {
  for (int64_t row = 0; row < shape.rows; ++row) {
    const int64_t at = row * shape.width;
    const void* s = h;
    if (delta != nullptr) {
      for (int64_t i = at; i < at + shape.width; ++i) {
        store_scalar(shape.type, sum, i,
                     load_scalar(shape.type, h, i) + load_scalar(shape.type, delta, i));
      }
      s = sum;
    }
    const LayerNormMoments m = layer_norm_moments(shape, s, at);
    for (int64_t i = 0; i < shape.width; ++i) {
      double y = (load_scalar(shape.type, s, at + i) - m.mean) * m.scale *
                 load_scalar(shape.weight_type, weight, i);
      if (bias != nullptr) y += load_scalar(shape.weight_type, bias, i);
      store_scalar(shape.type, normed, at + i, static_cast<float>(y));
    }
  }
}

/// add_layer_norm_backward as plain loops, accumulated in double.
inline void add_layer_norm_backward_scalar(const NormShape& shape, const void* sum,
                                           const void* weight, const void* d_normed,
                                           const void* d_sum, void* d_h) {
  const double n = static_cast<double>(shape.width);
  for (int64_t row = 0; row < shape.rows; ++row) {
    const int64_t at = row * shape.width;
    const LayerNormMoments m = layer_norm_moments(shape, sum, at);
    auto x = [&](int64_t i) { return load_scalar(shape.type, sum, at + i) - m.mean; };
    auto wg = [&](int64_t i) {
      return double{load_scalar(shape.weight_type, weight, i)} *
             load_scalar(shape.type, d_normed, at + i);
    };
    double gradient = 0, product = 0;
    for (int64_t i = 0; i < shape.width; ++i) {
      gradient += wg(i) / n;
      product += x(i) * wg(i) / n;
    }
    for (int64_t i = 0; i < shape.width; ++i) {
      double ds = m.scale * (wg(i) - gradient) - m.scale * m.scale * m.scale * product * x(i);
      if (d_sum != nullptr) ds += load_scalar(shape.type, d_sum, at + i);
      store_scalar(shape.type, d_h, at + i, static_cast<float>(ds));
    }
  }
}

}  // namespace graft::kernels
