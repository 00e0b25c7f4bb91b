#pragma once

#include "graft/ops/head_loss.h"

namespace graft::ops::cpu {

/// ops::head_loss on our kernels.
HeadLoss head_loss(const mx::array& h, const Head& head, const Targets& targets, double divisor,
                   LossGradient gradient);

}  // namespace graft::ops::cpu
