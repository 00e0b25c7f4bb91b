#pragma once

#include "graft/ops/divergence.h"

namespace graft::ops::cpu {

/// ops::divergence on our kernel.
Divergence divergence(const mx::array& predicted, const mx::array& wanted, const mx::array& weights,
                      bool with_gradient);

}  // namespace graft::ops::cpu
