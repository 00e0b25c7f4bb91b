#include "graft/training/optimizer.h"

#include <mlx/ops.h>

namespace graft::training {

TrainState Optimizer::start(const models::ParameterSet& parameters) const {
  TrainState state;
  state.parameters = parameters.values();
  for (const mx::array& parameter : state.parameters) {
    state.moments.emplace_back(static_cast<size_t>(moments()), mx::zeros_like(parameter));
  }
  return state;
}

TrainState Optimizer::update(const TrainState& state, const Gradients& gradients,
                             float rate) const {
  TrainState next = state;
  ++next.step;
  for (size_t i = 0; i < next.parameters.size(); ++i) {
    step(next.parameters[i], next.moments[i], gradients.arrays()[i], rate, next.step);
  }
  return next;
}

}  // namespace graft::training
