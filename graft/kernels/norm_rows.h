#pragma once

#include <cstdint>

#include "graft/kernels/parallel.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// Rows of hidden states [rows, width] and how they are normalized.
struct NormShape {
  int64_t rows;
  int64_t width;
  float eps;                                 ///< added to the mean square, or to the variance
  ScalarType type = ScalarType::f32;         ///< of the hidden states and their gradients
  ScalarType weight_type = ScalarType::f32;  ///< of the weight and the bias
};

/// Calls work(begin, end) for ranges of the rows, on all threads.
template <class Work>
void parallel_norm_rows(const NormShape& shape, Work&& work) {
  constexpr int64_t kGrain = 1 << 14;  // elements that are worth a thread
  parallel_ranges(shape.rows, kGrain / (shape.width + 1) + 1, work);
}

}  // namespace graft::kernels
