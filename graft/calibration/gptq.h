#pragma once

#include <mlx/array.h>

#include <optional>
#include <vector>

#include "graft/calibration/quantized_matrix.h"

namespace graft::calibration {

/// The order in which columns are rounded, and how the error of one is made good by those that come
/// after it (Frantar et al., "GPTQ", arXiv:2210.17323).
struct ColumnOrder {
  std::vector<int> columns;  // those with the largest inputs first
  mx::array compensation;  // [in, in] f32: the upper Cholesky factor of the inverse of H, in order

  /// Of second moments H [in, in]; `damping` times the mean of its diagonal is added to that, or
  /// more where f32 gives no factor without; nothing where it gives none at all.
  static std::optional<ColumnOrder> of(const mx::array& moments, float damping = 0.01f);
};

/// Rounds `target` [out, in], f32, to the scales and biases of `grid`, column by column, so that
/// what a row's outputs lose by one column the next ones make good. `grid.codes` become the result.
void round_by_columns(const mx::array& target, const ColumnOrder& order, QuantizedMatrix& grid);

}  // namespace graft::calibration
