#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace graft::nn {

namespace mx = mlx::core;

/// The random key of a training step's dropout. A mask depends only on this key and the place in
/// the model. There is no generator state, so a layer that is recomputed for its gradient, a run
/// that is resumed after a stop, and processes that share a step, drop the same elements.
struct DropoutKey {
  uint64_t seed = 0;  // of the run
  uint64_t step = 0;  // of training, from 0
  // The numbers of the tokens among all of the step's batches, uint32 [N]; none: 0, 1, ...
  std::optional<mx::array> rows = {};
};

/// x [N, D] with a fraction `share` of its elements set to zero and the others divided by
/// 1 - share; `place` is the path of the layer that reads it.
mx::array dropout(const mx::array& x, float share, const DropoutKey& key, std::string_view place);

}  // namespace graft::nn
