#pragma once

#include "graft/kernels/convert.h"
#include "graft/kernels/rope.h"

namespace graft::kernels {

/// rope as plain loops in double: what the vector code is tested against.
inline void rope_scalar(const RopeShape& shape, const void* x, const float* cos, const float* sin,
                        bool inverse, void* out) {
  const int64_t half = shape.rotary_dim / 2;
  for (int64_t row = 0; row < shape.rows; ++row) {
    for (int64_t head = 0; head < shape.heads; ++head) {
      const int64_t at = (row * shape.heads + head) * shape.head_dim;
      for (int64_t i = 0; i < half; ++i) {
        const double c = cos[row * half + i], s = (inverse ? -1 : 1) * double{sin[row * half + i]};
        const double a = load_scalar(shape.type, x, at + i);
        const double b = load_scalar(shape.type, x, at + i + half);
        store_scalar(shape.type, out, at + i, static_cast<float>(a * c - b * s));
        store_scalar(shape.type, out, at + i + half, static_cast<float>(b * c + a * s));
      }
      for (int64_t i = shape.rotary_dim; i < shape.head_dim; ++i) {
        store_scalar(shape.type, out, at + i, load_scalar(shape.type, x, at + i));
      }
    }
  }
}

}  // namespace graft::kernels
