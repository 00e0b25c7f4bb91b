#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "graft/kernels/activation.h"
#include "graft/kernels/convert.h"

namespace graft::kernels {

/// act(x) and act'(x) in double.
struct ActivationScalar {
  double value, slope;
};

inline ActivationScalar activation_scalar(Activation kind, double x) {
  // Beyond 40 the slope is 0 or 1; held there, it is so for infinities.
  const double v = std::clamp(x, -40.0, 40.0);
  switch (kind) {
    case Activation::silu: {
      const double s = 1 / (1 + std::exp(-x));
      return {x * s, s * (1 + x * (1 - s))};
    }
    case Activation::gelu_tanh: {
      const double a = std::sqrt(2 / std::numbers::pi), c = 0.044715;
      const double s = 1 / (1 + std::exp(-2 * a * (v + c * v * v * v)));
      return {x * s, s * (1 + v * (1 - s) * 2 * a * (1 + 3 * c * v * v))};
    }
    case Activation::gelu: {
      const double cdf = std::erfc(-v / std::numbers::sqrt2) / 2;
      const double density = std::exp(-v * v / 2) / std::sqrt(2 * std::numbers::pi);
      return {x * cdf, cdf + v * density};
    }
  }
  return {};
}

/// `activation` as a plain loop in double: what the vector code is tested against.
inline void activation_scalar(Activation kind, int64_t count, ScalarType type, const void* gate,
                              const void* up, void* out) {
  for (int64_t i = 0; i < count; ++i) {
    const double u = up == nullptr ? 1 : load_scalar(type, up, i);
    const double y = activation_scalar(kind, load_scalar(type, gate, i)).value * u;
    store_scalar(type, out, i, static_cast<float>(y));
  }
}

/// activation_backward as a plain loop in double.
inline void activation_backward_scalar(Activation kind, int64_t count, ScalarType type,
                                       const void* gate, const void* up, const void* d_out,
                                       void* d_gate, void* d_up) {
  for (int64_t i = 0; i < count; ++i) {
    const ActivationScalar act = activation_scalar(kind, load_scalar(type, gate, i));
    const double dy = load_scalar(type, d_out, i);
    const double u = up == nullptr ? 1 : load_scalar(type, up, i);
    if (up != nullptr) store_scalar(type, d_up, i, static_cast<float>(dy * act.value));
    store_scalar(type, d_gate, i, static_cast<float>(dy * u * act.slope));
  }
}

}  // namespace graft::kernels
