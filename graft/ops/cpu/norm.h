#pragma once

#include "graft/ops/norm.h"

namespace graft::ops::cpu {

/// ops::add_rms_norm on our kernel; without delta, `sum` is h itself.
AddNorm add_rms_norm(const mx::array& h, const std::optional<mx::array>& delta,
                     const mx::array& weight, float eps);

}  // namespace graft::ops::cpu
