#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// A projection's input x [N, in] and output y [N, out], and an adapter a [in, R], b [R, out] that
/// adds scale * x a b to the output.
struct LoraShape {
  int64_t rows;  ///< N
  int64_t in;
  int64_t out;
  int64_t rank;                       ///< R, at least 1
  ScalarType type = ScalarType::f32;  ///< of x, y and d_y; the adapter is f32
};

/// The bytes of `reused_scratch` that these kernels take.
size_t lora_scratch(const LoraShape& shape);

/// xa [N, R] = x a. Hu et al., LoRA, arXiv:2106.09685.
void lora_down(const LoraShape& shape, const void* x, const float* a, float* xa);

/// y = (y + scale * xa b) * factors, in place, rounded once; factors [out] are 1 if null.
void lora_up_add(const LoraShape& shape, const float* xa, const float* b, float scale, void* y,
                 const float* factors = nullptr);

/// A matrix [rows, columns] as [columns, rows].
void transpose(const float* matrix, int64_t rows, int64_t columns, float* transposed);

/// Factors g [out] of the columns of y = g * (... + scale * (x a) b), as in DoRA, and their
/// gradient.
struct LoraFactors {
  const float* values;  ///< null: 1
  const void* y;        ///< [N, out]
  float* gradient;      ///< [out]
};

/// The gradients d_a [in, R] and d_b [R, out] of y = ... + scale * (x a) b from d_y [N, out] and
/// lora_down's xa. Also gives d_xa [N, R] = scale * d_y b^T; d_xa a^T is the adapter's share of the
/// gradient of x. With factors, d_y stands there for d_y * factors, and theirs is the sum over n of
/// d_y y / factors, or 0 where a factor is 0. x and d_a may be null, of a shape whose `in` is 0:
/// d_a is not wanted.
void lora_backward(const LoraShape& shape, const void* x, const float* xa, const float* b,
                   float scale, const void* d_y, float* d_a, float* d_b, float* d_xa,
                   const LoraFactors& factors = {});

}  // namespace graft::kernels
