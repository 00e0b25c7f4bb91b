#pragma once

#include <mlx/array.h>

#include <optional>

namespace graft::ops {

namespace mx = mlx::core;

/// RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467) of h [N, D] with weight [D]:
/// h / sqrt(mean(h^2) + eps) * weight, computed in f32, in h's dtype.
mx::array rms_norm(const mx::array& h, const mx::array& weight, float eps);

/// The residual sum h + delta and its norm, in one pass over memory.
struct AddNorm {
  mx::array sum;     // [N, D]
  mx::array normed;  // [N, D]
};
AddNorm add_rms_norm(const mx::array& h, const mx::array& delta, const mx::array& weight,
                     float eps);

/// LayerNorm (Ba, Kiros and Hinton 2016, arXiv:1607.06450) of h [N, D] with weight and, if there is
/// one, bias [D]: (h - mean(h)) / sqrt(var(h) + eps) * weight + bias, computed in f32, in h's
/// dtype.
mx::array layer_norm(const mx::array& h, const mx::array& weight,
                     const std::optional<mx::array>& bias, float eps);

/// The residual sum h + delta and its LayerNorm.
AddNorm add_layer_norm(const mx::array& h, const mx::array& delta, const mx::array& weight,
                       const std::optional<mx::array>& bias, float eps);

}  // namespace graft::ops
