#pragma once

#include "graft/ops/routes.h"

namespace graft::ops::cpu {

/// ops::route in one graph node, for f32 logits that no gradient goes through.
Routes route(const mx::array& logits, int chosen);

}  // namespace graft::ops::cpu
