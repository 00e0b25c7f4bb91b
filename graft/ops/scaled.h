#pragma once

#include <mlx/ops.h>

namespace graft::ops {

namespace mx = mlx::core;

/// x by a number, which is rounded to f32 first, as MLX does with Python's numbers.
inline mx::array scaled(const mx::array& x, double factor) {
  return mx::multiply(mx::array(static_cast<float>(factor)), x);
}

/// A moving average that keeps a share of what it was and takes the rest of x.
inline mx::array averaged(const mx::array& average, const mx::array& x, double keep) {
  return mx::add(scaled(average, keep), scaled(x, 1 - keep));
}

}  // namespace graft::ops
