#pragma once

#include <mlx/array.h>

#include <string>

namespace graft::io {

namespace mx = mlx::core;

/// Whether no number of an array is NaN or infinite. Evaluates it; true for integers.
bool all_finite(mx::array values);

/// Throws Error, which names the tensor, unless all its numbers are finite.
void check_finite(const mx::array& values, const std::string& name);

}  // namespace graft::io
