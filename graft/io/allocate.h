#pragma once

#include <mlx/allocator.h>

#include <cstddef>

namespace graft::io {

/// Memory for an array. Throws Error, which says how much was asked for, if there is not as much.
mlx::core::allocator::Data allocate(size_t bytes);

}  // namespace graft::io
