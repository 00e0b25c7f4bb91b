#pragma once

#include <mlx/ops.h>

namespace graft::training {

namespace mx = mlx::core;

/// x by a number, which is rounded to f32 first, as MLX does with Python's numbers.
inline mx::array scaled(const mx::array& x, double factor) {
  return mx::multiply(mx::array(static_cast<float>(factor)), x);
}

}  // namespace graft::training
