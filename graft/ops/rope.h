#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

/// The rotations of N tokens: cos and sin of their angles, [N, rotary_dim/2], f32.
struct RopeTable {
  mx::array cos, sin;

  int rotary_dim() const { return 2 * cos.shape(1); }
};

/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) of x [N, heads*C] in the half-split
/// order of Hugging Face checkpoints: element i of a head is rotated with element i + rotary_dim/2,
/// those from rotary_dim on are unchanged.
mx::array rope(const mx::array& x, const RopeTable& table, int head_dim);

}  // namespace graft::ops
