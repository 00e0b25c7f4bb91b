#pragma once

#include "graft/ops/attention.h"

namespace graft::ops::cpu {

/// ops::attention on our kernel.
mx::array attention(const mx::array& q, const std::vector<mx::array>& k,
                    const std::vector<mx::array>& v, const Sequences& sequences,
                    const AttentionOptions& options);

}  // namespace graft::ops::cpu
