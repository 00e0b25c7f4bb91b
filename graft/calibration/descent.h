#pragma once

#include <mlx/array.h>

#include "graft/calibration/quantized_matrix.h"

namespace graft::calibration {

/// Lowers d H d^T of each row, d = `target` - `matrix`, in sweeps over the groups: single codes go
/// one level up or down where that helps, and scale and bias of a group become the best for its
/// codes, as they can be stored. But for f32's rounding no sweep makes a row worse. `moments` H
/// [in, in], f32.
void descend(const mx::array& target, const mx::array& moments, QuantizedMatrix& matrix,
             int sweeps);

}  // namespace graft::calibration
