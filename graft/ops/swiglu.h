#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// silu(gate) * up for gate and up [N, F] (Shazeer 2020, arXiv:2002.05202), computed in f32.
mx::array swiglu(const mx::array& gate, const mx::array& up);

}  // namespace graft::ops
