#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <string_view>

namespace graft::nn {

namespace mx = mlx::core;

/// The random key of a training step's dropout. A mask depends only on this key and the place in
/// the model. There is no generator state, so a layer that is recomputed for its gradient, and a
/// run that is resumed after a stop, drop the same elements.
struct DropoutKey {
  uint64_t seed = 0;   // of the run
  uint64_t step = 0;   // of training, from 0
  uint64_t batch = 0;  // within the step's group
};

/// x with a fraction `share` of its elements set to zero and the others divided by 1 - share;
/// `place` is the path of the layer that reads it.
mx::array dropout(const mx::array& x, float share, const DropoutKey& key, std::string_view place);

}  // namespace graft::nn
