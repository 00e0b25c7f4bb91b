#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// Rows [begin, begin + n) of an array.
struct RowRange {
  int begin, n;
};

/// Replaces the rows of `whole` [N, W] from `at` on by the rows `which` of `rows` [M, W], of the
/// same type; in place if nothing else uses its memory. If it throws, `whole` is unchanged.
void write_rows(mx::array& whole, int at, const mx::array& rows, RowRange which);

}  // namespace graft::ops
