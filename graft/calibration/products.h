#pragma once

#include <mlx/array.h>

namespace graft::calibration {

namespace mx = mlx::core;

/// a b^T of a [n, k] and b [m, k], f32, by the kernels of linear layers: MLX's own matrix products
/// on the CPU may be those of a BLAS that is many times slower.
mx::array product(const mx::array& a, const mx::array& b);

}  // namespace graft::calibration
