#pragma once

#include <cstdint>

namespace graft::kernels {

/// The Euclidean norm of f32 numbers, summed in f64 in an order that does not depend on the number
/// of threads; not finite if one of them is not.
double norm_of(const float* x, int64_t count);

}  // namespace graft::kernels
