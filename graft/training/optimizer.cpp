#include "graft/training/optimizer.h"

namespace graft::training {

TrainState Optimizer::start(const models::ParameterSet& parameters) const {
  TrainState state;
  state.parameters = parameters.values();
  for (const mx::array& parameter : state.parameters) state.moments.push_back(start_of(parameter));
  return state;
}

TrainState Optimizer::update(const TrainState& state, const Gradients& gradients,
                             float rate) const {
  TrainState next = state;
  ++next.step;
  for (size_t i = 0; i < next.parameters.size(); ++i) {
    step(gradients.parameters().all()[i].name, next.parameters[i], next.moments[i],
         gradients.arrays()[i], rate, next.step);
  }
  return next;
}

}  // namespace graft::training
