#pragma once

#include <mlx/array.h>

#include "graft/ops/weight.h"

namespace graft::ops {

/// The squares of the norms of a matrix' rows [out], f32.
mx::array squared_row_norms(const Weight& weight);

/// ||w_i + scale * (a b)_i|| of every row of a weight [out, in] with an update of rank R, a [in,
/// R] and b [R, out]: [out], f32, without the sum of the two:
///   ||w_i + s b_i^T a^T||^2 = ||w_i||^2 + 2 s b_i . (w_i a) + s^2 b_i . (a^T a b_i),
/// of which `squares` [out] is the first part. A row whose norm the update makes less than a
/// thousandth of what it was has a thousandth of that, which is as far as f32 is exact here. One of
/// norm 0 has infinity: a factor over it is 0.
mx::array adapted_row_norms(const Weight& weight, const mx::array& squares, const mx::array& a,
                            const mx::array& b, float scale);

}  // namespace graft::ops
