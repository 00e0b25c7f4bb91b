#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// Rows [begin, begin + n) of an array.
struct RowRange {
  int begin, n;
};

/// Replaces the rows of `whole` [N, W] from `at` on by those rows of `rows` [M, W], of the same
/// type; in its own memory if that is nobody else's. If it throws, `whole` is as it was.
void write_rows(mx::array& whole, int at, const mx::array& rows, RowRange which);

}  // namespace graft::ops
