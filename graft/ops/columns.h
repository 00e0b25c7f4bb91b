#pragma once

#include <mlx/array.h>

#include <vector>

namespace graft::ops {

namespace mx = mlx::core;

/// x [N, sum of widths] as arrays [N, width], row-major each.
std::vector<mx::array> split_columns(const mx::array& x, const std::vector<int>& widths);

}  // namespace graft::ops
