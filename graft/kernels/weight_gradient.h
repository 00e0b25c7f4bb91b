#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// A linear layer's rows: of its output's gradient d_y [rows, out] and of its input x [rows, in],
/// both of `type`.
struct WeightGradient {
  int64_t rows, out, in;
  ScalarType type;
  const void *d_y, *x;
};

/// d_weight [out, in] = d_y^T x, summed over the rows in f32 in an order that does not depend on
/// the number of threads; added to what is there with `accumulate`.
void weight_gradient(const WeightGradient& operands, float* d_weight, bool accumulate = false);

/// The bytes of `reused_scratch` that it takes.
size_t weight_gradient_scratch(int64_t rows, int64_t out, ScalarType type);

}  // namespace graft::kernels
