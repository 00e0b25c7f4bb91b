#pragma once

#include <mlx/array.h>

#include "graft/calibration/quantized_matrix.h"

namespace graft::calibration {

/// Gives each group of `matrix` the scale, of several around the one that it has, with which
/// rounding every number to the nearest loses the least of the outputs, as if inputs were
/// independent: the sum of (w - number)^2 times the diagonal of `moments` H [in, in]. In mode
/// affine the middle of a group's range stays where it is. The codes become what is nearest to
/// `target` [out, in], f32.
void search_scales(const mx::array& target, const mx::array& moments, QuantizedMatrix& matrix);

}  // namespace graft::calibration
