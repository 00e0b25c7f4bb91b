#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// Rows [begin, begin + n) of an array.
struct RowRange {
  int begin, n;
};

/// `whole` [N, W] with the rows from `at` on replaced by those rows of `rows` [M, W], of the same
/// type; in place if `whole` was moved in and its data is nobody else's.
mx::array write_rows(mx::array whole, int at, const mx::array& rows, RowRange which);

}  // namespace graft::ops
