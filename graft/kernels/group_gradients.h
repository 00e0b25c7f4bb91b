#pragma once

#include "graft/kernels/quantized.h"

namespace graft::kernels {

/// The gradients of a matrix's scales and biases in mode affine, w = q * scale + bias: of each
/// group of columns the sums of d_weight * q and of d_weight. `d_weight` [rows, columns], the other
/// two [rows, columns / group_size].
void group_gradients(const QuantizedMatrix& matrix, const float* d_weight, float* d_scales,
                     float* d_biases);

}  // namespace graft::kernels
