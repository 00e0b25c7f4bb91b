#pragma once

#include "graft/ops/adam8.h"

namespace graft::ops::cpu {

/// ops::adam8_step on our kernel.
Adam8State adam8_step(const Adam8State& state, const mx::array& gradient,
                      const AdamOptions& options);

}  // namespace graft::ops::cpu
