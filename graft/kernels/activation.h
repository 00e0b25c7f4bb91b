#pragma once

#include <cstdint>

#include "graft/base/activation.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// out = act(gate) * up; `count` numbers each. `up` may be null: then out = act(gate). `out` may be
/// gate or up. The error of act(x), computed in f32, is below 5e-7 |x|.
/// Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202.
void activation(Activation kind, int64_t count, ScalarType type, const void* gate, const void* up,
                void* out);

/// The gradients of `activation`. Where `up` is null, `d_up` is not written. `d_gate` and `d_up`
/// may be any of the inputs, but not each other.
void activation_backward(Activation kind, int64_t count, ScalarType type, const void* gate,
                         const void* up, const void* d_out, void* d_gate, void* d_up);

}  // namespace graft::kernels
