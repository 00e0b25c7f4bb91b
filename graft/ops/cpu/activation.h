#pragma once

#include <optional>

#include "graft/ops/activation.h"

namespace graft::ops::cpu {

/// ops::gated_activation on our kernel; without `up`, ops::activation.
mx::array activation(Activation kind, const mx::array& gate, const std::optional<mx::array>& up);

}  // namespace graft::ops::cpu
