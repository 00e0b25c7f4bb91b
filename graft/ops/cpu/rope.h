#pragma once

#include "graft/ops/rope.h"

namespace graft::ops::cpu {

/// ops::rope on our kernel.
mx::array rope(const mx::array& x, const RopeTable& table, int head_dim);

}  // namespace graft::ops::cpu
