#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// out = silu(gate) * up with silu(x) = x / (1 + e^-x); `count` numbers each. `out` may be gate or
/// up. Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202.
void swiglu(int64_t count, ScalarType type, const void* gate, const void* up, void* out);

/// The gradients of swiglu. `d_gate` and `d_up` may be any of the inputs, but not each other.
void swiglu_backward(int64_t count, ScalarType type, const void* gate, const void* up,
                     const void* d_out, void* d_gate, void* d_up);

}  // namespace graft::kernels
