#pragma once

#include <vector>

#include "graft/ops/expert_linear.h"

namespace graft::ops::cpu {

/// ops::expert_linear on our kernels: one graph node for all the projections of x.
std::vector<mx::array> expert_linear(const mx::array& x, const mx::array& experts,
                                     const std::vector<ExpertProjection>& projections);

}  // namespace graft::ops::cpu
