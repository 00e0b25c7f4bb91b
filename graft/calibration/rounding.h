#pragma once

#include <mlx/array.h>

#include <optional>

#include "graft/io/quantization_config.h"
#include "graft/ops/weight.h"

namespace graft::calibration {

namespace mx = mlx::core;

/// How a matrix is quantized.
struct RoundingOptions {
  io::LayerQuantization setting;
  mx::Dtype dtype;                         // of scales and biases in mode affine
  int sweeps = 4;                          // of the descent
  std::optional<ops::Weight> before = {};  // `target` without its update, quantized as `setting`
};

/// `target` [out, in], f32, quantized so that a layer with second moments H of its inputs
/// ("second_moments.h") loses the least: the columns one after the other (gptq.h), then in sweeps
/// over the groups (descent.h), from scales around those that MLX gives it (scale_search.h) and
/// from those of `before`, also from what is nearest in these; of each row the best result, what
/// MLX makes of it among them, so that no row loses more by H than that one does. What H does not
/// show counts in the search (a hundredth of the mean of H's diagonal is added to that), but not in
/// this choice.
ops::Weight rounded(const mx::array& target, const mx::array& moments,
                    const RoundingOptions& options);

}  // namespace graft::calibration
