#pragma once

#include <vector>

#include "graft/ops/linear.h"

namespace graft::ops::cpu {

/// ops::linear on our kernels: one graph node for all the projections of x.
std::vector<mx::array> linear(const mx::array& x, const std::vector<Projection>& projections);

}  // namespace graft::ops::cpu
