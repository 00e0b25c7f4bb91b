#pragma once

#include <memory>
#include <vector>

#include "graft/ops/expert_linear.h"

namespace graft::calibration {

/// The weights of experts, each evaluated, as a model keeps them: MLX's operations read a stack.
std::shared_ptr<ops::ExpertWeights> expert_weights(std::vector<ops::Weight> each);

}  // namespace graft::calibration
