#include "graft/training/train_state.h"

namespace graft::training {

std::vector<mx::array> TrainState::arrays() const {
  std::vector<mx::array> all;
  for (size_t i = 0; i < parameters.size(); ++i) {
    all.push_back(parameters[i]);
    for (const auto& [name, array] : moments[i]) all.push_back(array);
  }
  return all;
}

}  // namespace graft::training
