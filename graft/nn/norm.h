#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>

#include "graft/ops/norm.h"

namespace graft::nn {

namespace mx = mlx::core;

/// A norm of rows [N, D]: RMSNorm or, with `centered`, LayerNorm.
struct Norm {
  mx::array weight;                 // [D]
  std::optional<mx::array> bias{};  // [D], of a LayerNorm
  float eps = 1e-6f;
  bool centered = false;
  std::string path{};  // in the checkpoint: "model.layers.0.input_layernorm"
  // What `weight` has beyond the checkpoint's (Gemma's 1), which is `stored` then, f32.
  float offset = 0;
  std::optional<mx::array> stored{};
  bool trained = false;  // `stored` may change: `weight` has no part where there is one

  mx::array operator()(const mx::array& h) const;
  /// h + delta and its norm, in one pass over memory; h and its norm without a delta.
  ops::AddNorm add(const mx::array& h, const std::optional<mx::array>& delta) const;
  /// What rows are multiplied by, whether it is trained or not.
  mx::array weight_now() const;
};

}  // namespace graft::nn
