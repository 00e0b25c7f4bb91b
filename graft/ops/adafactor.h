#pragma once

#include <mlx/array.h>

#include <optional>

namespace graft::ops {

namespace mx = mlx::core;

struct AdafactorOptions {
  float rate;  // of the step, before the parameter's size and the clipping
  float keep;  // of the moving averages of squares
  float eps = 1e-30f;
  float scale_eps = 1e-3f;
  float clip_threshold = 1;
  float weight_decay = 0;
  bool scale_parameter = false;
  double beta1 = 0;  // of the moving average of steps, where the state has one
};

/// A parameter with what Adafactor keeps of it, all f32: moving averages of squares by row and by
/// column of the last two dimensions, [.., R] and [.., C], and of steps.
struct AdafactorState {
  mx::array parameter, row, col;
  std::optional<mx::array> m = {};
};

/// One step of Adafactor (Shazeer and Stern, arXiv:1804.04235), as MLX has it: see
/// kernels/adafactor.h.
AdafactorState adafactor_step(const AdafactorState& state, const mx::array& gradient,
                              const AdafactorOptions& options);

/// The same for a vector, whose squares' average is kept whole.
struct AdafactorVectorState {
  mx::array parameter, v;
  std::optional<mx::array> m = {};
};

AdafactorVectorState adafactor_step(const AdafactorVectorState& state, const mx::array& gradient,
                                    const AdafactorOptions& options);

}  // namespace graft::ops
