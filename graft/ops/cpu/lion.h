#pragma once

#include "graft/ops/lion.h"

namespace graft::ops::cpu {

/// ops::lion_step on our kernel.
LionState lion_step(const LionState& state, const mx::array& gradient, const LionOptions& options);

}  // namespace graft::ops::cpu
