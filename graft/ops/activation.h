#pragma once

#include <mlx/array.h>

#include "graft/base/activation.h"

namespace graft::ops {

namespace mx = mlx::core;

/// act(x) for x [N, F], computed in f32.
mx::array activation(Activation kind, const mx::array& x);

/// act(gate) * up for gate and up [N, F] (Shazeer 2020, arXiv:2002.05202), computed in f32.
mx::array gated_activation(Activation kind, const mx::array& gate, const mx::array& up);

}  // namespace graft::ops
