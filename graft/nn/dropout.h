#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <string_view>

namespace graft::nn {

namespace mx = mlx::core;

/// What the dropout of a training step is random by. With the place in the model it is all that a
/// mask depends on: no generator has a state, so that a layer that is computed again for its
/// gradient, and a run that goes on after a stop, drop the same elements.
struct DropoutKey {
  uint64_t seed = 0;   // of the run
  uint64_t step = 0;   // of training, from 0
  uint64_t batch = 0;  // of the step's group
};

/// x with the share `share` of its elements set to zero, the others divided by 1 - share; `place`
/// is the path of the layer that reads it.
mx::array dropout(const mx::array& x, float share, const DropoutKey& key, std::string_view place);

}  // namespace graft::nn
