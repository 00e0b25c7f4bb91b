#pragma once

#include "graft/ops/adafactor.h"

namespace graft::ops::cpu {

/// ops::adafactor_step of matrices on our kernel.
AdafactorState adafactor_step(const AdafactorState& state, const mx::array& gradient,
                              const AdafactorOptions& options);

}  // namespace graft::ops::cpu
