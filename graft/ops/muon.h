#pragma once

#include <mlx/array.h>

namespace graft::ops {

namespace mx = mlx::core;

struct MuonOptions {
  float learning_rate;
  double momentum = 0.95;
  float weight_decay = 0;  // L2: added to the gradient
  bool nesterov = true;
  int iterations = 5;  // of Newton-Schulz
};

/// A parameter of at least two dimensions with the moving average of its gradient, both f32. What
/// has more than two is orthogonalized as a matrix [first, all others].
struct MuonState {
  mx::array parameter, v;
};

/// One step of Muon (Jordan et al., kellerjordan.github.io/posts/muon), as MLX has it, in f32: see
/// kernels/muon.h. The learning rate is multiplied by sqrt(max(1, rows / columns)) of the last two
/// dimensions.
MuonState muon_step(const MuonState& state, const mx::array& gradient, const MuonOptions& options);

}  // namespace graft::ops
