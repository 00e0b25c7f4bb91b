#pragma once

#include <cstdint>

#include "graft/kernels/linear_weight.h"

namespace graft::kernels {

/// out [count, in] of `type` = rows `ids` [count] of the weight, each in [0, out). A quantized
/// number is computed in f32 and rounded once. Throws Error for an id that is no row.
void embedding(const LinearWeight& weight, const int32_t* ids, int64_t count, ScalarType type,
               void* out);

/// The gradient of a dense embedding: d_weight [vocabulary, width] = 0, but to row ids[i] row i of
/// d_rows [count, width] of `type` is added, in the order of i. The ids are known to be rows.
void embedding_gradient(const int32_t* ids, int64_t count, const void* d_rows, ScalarType type,
                        int64_t vocabulary, int64_t width, float* d_weight);

}  // namespace graft::kernels
