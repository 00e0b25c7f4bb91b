#pragma once

#include "graft/kernels/norm_rows.h"

namespace graft::kernels {

/// The residual addition and the RMS norm after it:
///   sum = h + delta, rounded to the storage type; normed = sum / sqrt(mean(sum^2) + eps) * weight.
/// `delta` may be null: then sum is h, and `sum` is not written. h, delta, sum, normed are
/// [rows, width], weight is [width]. `sum` may be h or delta; `normed` may be h or delta, but not
/// sum nor, without delta, anything but h.
/// Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467.
void add_rms_norm(const NormShape& shape, const void* h, const void* delta, const void* weight,
                  void* sum, void* normed);

/// The gradient of add_rms_norm with regard to h, which is also that of delta, for a weight that is
/// not trained. `sum` is the forward's (h if there was no delta), `d_normed` the gradient of
/// normed, `d_sum` that of sum (null: zero). `d_h` may be d_normed or d_sum. All [rows, width].
void add_rms_norm_backward(const NormShape& shape, const void* sum, const void* weight,
                           const void* d_normed, const void* d_sum, void* d_h);

}  // namespace graft::kernels
