#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// `whole` [N, W] with rows [at, at + n) replaced by `rows` [n, W] of the same type; in place if
/// `whole` was moved in and its data is nobody else's.
mx::array write_rows(mx::array whole, const mx::array& rows, int at);

}  // namespace graft::ops
