#pragma once

#include "graft/ops/adam.h"

namespace graft::ops::cpu {

/// ops::adam_step on our kernel.
AdamState adam_step(const AdamState& state, const mx::array& gradient, const AdamOptions& options);

}  // namespace graft::ops::cpu
