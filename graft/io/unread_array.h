#pragma once

#include <mlx/array.h>

namespace graft::io {

namespace mx = mlx::core;

/// An array of a shape that nobody means to read, for graphs that are looked at and not computed.
/// It takes address space, which all of them share, and no memory; its elements are zero. On a GPU
/// build of MLX it must not be computed with. Throws Error if there is not the address space.
mx::array unread_array(const mx::Shape& shape, mx::Dtype dtype);

}  // namespace graft::io
