#pragma once

#include <cmath>

#include "graft/kernels/convert.h"
#include "graft/kernels/swiglu.h"

namespace graft::kernels {

/// swiglu as a plain loop in double: what the vector code is tested against.
inline void swiglu_scalar(int64_t count, ScalarType type, const void* gate, const void* up,
                          void* out) {
  for (int64_t i = 0; i < count; ++i) {
    double g = load_scalar(type, gate, i), u = load_scalar(type, up, i);
    store_scalar(type, out, i, static_cast<float>(g / (1 + std::exp(-g)) * u));
  }
}

/// swiglu_backward as a plain loop in double.
inline void swiglu_backward_scalar(int64_t count, ScalarType type, const void* gate, const void* up,
                                   const void* d_out, void* d_gate, void* d_up) {
  for (int64_t i = 0; i < count; ++i) {
    double g = load_scalar(type, gate, i), u = load_scalar(type, up, i);
    double dy = load_scalar(type, d_out, i), s = 1 / (1 + std::exp(-g));
    store_scalar(type, d_up, i, static_cast<float>(dy * g * s));
    store_scalar(type, d_gate, i, static_cast<float>(dy * u * s * (1 + g * (1 - s))));
  }
}

}  // namespace graft::kernels
