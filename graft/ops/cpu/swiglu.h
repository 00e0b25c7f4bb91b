#pragma once

#include "graft/ops/swiglu.h"

namespace graft::ops::cpu {

/// ops::swiglu on our kernel.
mx::array swiglu(const mx::array& gate, const mx::array& up);

}  // namespace graft::ops::cpu
