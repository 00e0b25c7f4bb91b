#pragma once

#include "graft/ops/muon.h"

namespace graft::ops::cpu {

/// Whether the kernel is made for a parameter of this shape: larger ones are MLX's products.
bool muon_fits(const mx::array& parameter);

/// ops::muon_step on our kernel; `step` is the learning rate times what the shape makes of it.
MuonState muon_step(const MuonState& state, const mx::array& gradient, const MuonOptions& options,
                    float step);

}  // namespace graft::ops::cpu
