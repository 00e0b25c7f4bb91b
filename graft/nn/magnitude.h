#pragma once

#include <mlx/array.h>

#include "graft/nn/linear.h"

namespace graft::nn {

/// Magnitude::squares of a layer's weight, and Magnitude::norms of it with its adapter as that is
/// now; see ops/adapted_norms.h.
mx::array squared_norms(const Linear& layer);
mx::array adapted_norms(const Linear& layer);

}  // namespace graft::nn
