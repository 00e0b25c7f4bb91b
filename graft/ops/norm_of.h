#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// The Euclidean norm of an f32 array, as f32 []; not finite if an element is not, nor if the norm
/// is no f32.
mx::array norm_of(const mx::array& x);

}  // namespace graft::ops
