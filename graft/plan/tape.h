#pragma once

#include <mlx/array.h>

#include <vector>

namespace graft::plan {

namespace mx = mlx::core;

/// The nodes that mx::eval would run for these outputs, in the order in which it would (`eval_impl`
/// in MLX's mlx/transforms.cpp): of the outputs of one node, one stands for all. Runs none of them.
std::vector<mx::array> tape_of(const std::vector<mx::array>& outputs);

}  // namespace graft::plan
