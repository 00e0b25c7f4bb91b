#pragma once

#include <mlx/mlx.h>

#include <cstring>

namespace graft::testing {

/// The same type, shape and bytes.
inline bool same_bits(mlx::core::array a, mlx::core::array b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  a = mlx::core::contiguous(a);
  b = mlx::core::contiguous(b);
  mlx::core::eval(a, b);
  return std::memcmp(a.data<char>(), b.data<char>(), a.nbytes()) == 0;
}

}  // namespace graft::testing
