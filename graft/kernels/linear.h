#pragma once

#include <cstdint>

#include "graft/kernels/quantized.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// The matrix [out, in] of a linear layer: dense, or quantized where `scales` is set.
struct LinearWeight {
  int64_t out, in;
  const void* data;  // dense [out, in] of `type`
  ScalarType type;   // of the dense matrix
  bool quantized;    // then `matrix` holds it
  QuantizedMatrix matrix;
};

/// Rows of activations: row-major with no gaps, with room to read (or write) `capacity` rows.
struct Rows {
  void* data;
  int64_t rows, capacity;
  ScalarType type;
};

/// The type that products of activations of `type` are computed in: bf16 for bf16 where the
/// processor has the instruction, else f32.
ScalarType compute_type(ScalarType type);

/// y[N, out] = x[N, in] w^T, or with `bias` [out] (of y's type) added; y is of x's type, or f32.
/// Weights of another type than the product's (quantized, f16, bf16 on older processors) are
/// widened or dequantized panel by panel, into cache.
void linear(const LinearWeight& w, const Rows& x, const void* bias, const Rows& y);

/// d_x[N, in] += d_y[N, out] w, with d_x f32.
void linear_backward(const LinearWeight& w, const Rows& d_y, float* d_x, int64_t d_x_capacity);

}  // namespace graft::kernels
