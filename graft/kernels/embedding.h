#pragma once

#include <cstdint>

#include "graft/kernels/linear_weight.h"

namespace graft::kernels {

/// out [count, in] of `type` = rows `ids` [count] of the weight, each in [0, out). A quantized
/// number is computed in f32 and rounded once. Throws Error for an id that is no row.
void embedding(const LinearWeight& weight, const int32_t* ids, int64_t count, ScalarType type,
               void* out);

}  // namespace graft::kernels
