#pragma once

#include "graft/ops/weight.h"

namespace graft::ops::cpu {

mx::array embedding(const mx::array& ids, const Weight& weight, mx::Dtype dtype);

}  // namespace graft::ops::cpu
