#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

#include "graft/ops/head_loss.h"

namespace graft::ops {

/// Targets in a vocabulary of `vocab` for so many tokens, whose weights differ; every third carries
/// no loss.
inline Targets masked_targets(int rows, int vocab) {
  std::vector<int32_t> next;
  std::vector<float> weights;
  for (int i = 0; i < rows; ++i) {
    next.push_back(i % 3 == 2 ? -1 : (i * 7) % vocab);
    weights.push_back(i % 3 == 2 ? 0.0f : 0.5f * static_cast<float>(i % 4 + 1));
  }
  return {mx::array(next.begin(), {rows}, mx::int32),
          mx::array(weights.begin(), {rows}, mx::float32)};
}

}  // namespace graft::ops
