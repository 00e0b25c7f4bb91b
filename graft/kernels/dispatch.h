#pragma once

namespace graft::kernels {

/// Chooses the instruction set at the first call (see isa.h).
void ensure_isa();

}  // namespace graft::kernels

/// The version of a function exported with HWY_EXPORT that fits the instruction set in use.
#define GRAFT_DISPATCH(function) (graft::kernels::ensure_isa(), HWY_DYNAMIC_DISPATCH(function))
