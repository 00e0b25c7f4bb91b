#pragma once

#include "graft/ops/sgd.h"

namespace graft::ops::cpu {

/// ops::sgd_step on our kernel.
SgdState sgd_step(const SgdState& state, const mx::array& gradient, const SgdOptions& options);

}  // namespace graft::ops::cpu
