#pragma once

#include "graft/ops/weight.h"

namespace graft::ops {

/// Rows of `weight` at int32 ids [N], as [N, in] of `dtype`. Differentiable in a dense weight: the
/// gradients of a row are added in the order of the ids.
mx::array embedding(const mx::array& ids, const Weight& weight, mx::Dtype dtype);

}  // namespace graft::ops
