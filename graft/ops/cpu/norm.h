#pragma once

#include "graft/ops/norm.h"

namespace graft::ops::cpu {

/// ops::add_rms_norm on our kernel; without delta, `sum` is h itself.
AddNorm add_rms_norm(const mx::array& h, const std::optional<mx::array>& delta,
                     const mx::array& weight, float eps);

/// ops::add_layer_norm on our kernel; without delta, `sum` is h itself. The bias must be of the
/// weight's dtype.
AddNorm add_layer_norm(const mx::array& h, const std::optional<mx::array>& delta,
                       const mx::array& weight, const std::optional<mx::array>& bias, float eps);

}  // namespace graft::ops::cpu
