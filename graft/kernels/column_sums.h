#pragma once

#include <cstdint>

#include "graft/kernels/norm_rows.h"
#include "graft/kernels/scalar_type.h"

// Sums over the rows of activations: what the gradients of vectors are. They are taken in f32, row
// after row in blocks of 64 rows, in an order that does not depend on the number of threads.
namespace graft::kernels {

/// Of gradients g and, unless it is null, of x, both [rows, width] of `type`: `plain` [width] are
/// the sums of g over the rows, `weighted` those of g * (x - mean) * scale, with mean and scale of
/// each row. One of them may be null: not wanted. Not for other callers.
struct ColumnSumsCall {
  const void *g, *x;
  ScalarType type;
  int64_t rows, width;
  const float *mean, *scale;
  float *weighted, *plain;
};

/// out [width] = the sum of the rows of x [rows, width]: the gradient of a layer's bias.
void column_sums(const void* x, ScalarType type, int64_t rows, int64_t width, float* out);

/// The gradients of a norm's weight and bias [width], for the gradient d_normed [rows, width] of
/// its output: the sums over rows of d_normed * (sum - mean) / sqrt(var + eps), with `centered`
/// (layer norm), else of d_normed * sum / sqrt(mean(sum^2) + eps); and of d_normed. `d_bias` may be
/// null. Each of `rows_scratch` [2 * rows] is overwritten.
void norm_weight_gradient(const NormShape& shape, bool centered, const void* sum,
                          const void* d_normed, float* d_weight, float* d_bias,
                          float* rows_scratch);

}  // namespace graft::kernels
