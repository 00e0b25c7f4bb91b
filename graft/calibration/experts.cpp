#include "graft/calibration/experts.h"

#include <mlx/transforms.h>

#include <utility>

#include "graft/ops/backend.h"

namespace graft::calibration {

namespace mx = mlx::core;

std::shared_ptr<ops::ExpertWeights> expert_weights(std::vector<ops::Weight> each) {
  auto weights = std::make_shared<ops::ExpertWeights>();
  if (!ops::use_cpu_kernels()) {
    weights->stack = ops::stacked(each);
    mx::eval(weights->stack->arrays());
  }
  weights->each = std::move(each);
  return weights;
}

}  // namespace graft::calibration
