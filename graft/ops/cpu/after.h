#pragma once

#include <mlx/array.h>

#include <functional>

namespace graft::ops::cpu {

namespace mx = mlx::core;

/// See ops::after.
mx::array after(const mx::array& x, std::function<void()> done);

}  // namespace graft::ops::cpu
