#pragma once

#include "graft/ops/norm_of.h"

namespace graft::ops::cpu {

/// ops::norm_of on our kernel.
mx::array norm_of(const mx::array& x);

}  // namespace graft::ops::cpu
