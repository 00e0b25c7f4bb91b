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

/// What a norm reads and writes, row by row: normed = norm(h + delta), with sum = h + delta in
/// between. `delta` (then there is no `sum` either) and `bias` may be null.
struct NormCall {
  NormShape shape;
  const void *h, *delta, *weight, *bias;
  void *sum, *normed;
};

/// The same for its gradients: `d_sum`, which comes from the sum's other uses, may be null.
struct NormBackwardCall {
  NormShape shape;
  const void *sum, *weight, *d_normed, *d_sum;
  void* d_h;
};

/// Calls rows(call, begin, end) for ranges of a call's rows, on all threads.
template <class Call, class Rows>
void parallel_norm_rows(const Call& call, Rows&& rows) {
  constexpr int64_t kGrain = 1 << 14;  // elements that are worth a thread
  parallel_ranges(call.shape.rows, kGrain / (call.shape.width + 1) + 1,
                  [&](int64_t begin, int64_t end) { rows(call, begin, end); });
}

}  // namespace graft::kernels
