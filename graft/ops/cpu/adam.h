#pragma once

#include "graft/kernels/adam.h"
#include "graft/ops/adam.h"

namespace graft::ops::cpu {

/// The kernel's options for a step.
kernels::AdamOptions kernel_options(const AdamOptions& options);

/// ops::adam_step on our kernel.
AdamState adam_step(const AdamState& state, const mx::array& gradient, const AdamOptions& options);

}  // namespace graft::ops::cpu
