#pragma once

#include <mlx/array.h>

#include <cstdint>

namespace graft::ops {

namespace mx = mlx::core;

/// x [N, D] with a fraction `share` of its elements, from 0 to below 1, set to zero and the others
/// divided by 1 - share. Which ones follows from `key`, a row's number in `rows`, uint32 [N], and
/// the column alone. The gradient with respect to x drops the same.
/// Srivastava et al., Dropout, JMLR 15 (2014).
mx::array dropout(const mx::array& x, float share, uint64_t key, const mx::array& rows);

}  // namespace graft::ops
