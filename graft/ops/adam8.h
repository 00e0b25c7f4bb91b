#pragma once

#include "graft/ops/adam.h"

namespace graft::ops {

/// Moving averages in 8 bits (kernels/dynamic_map.h).
struct CodedAverage {
  mx::array codes;    // uint8, of the parameter's shape
  mx::array largest;  // [blocks] f32: the largest magnitude of each 256 of them, in row-major order

  /// Of zeros.
  static CodedAverage zeros(const mx::array& parameter);
};

/// A f32 parameter with the moving averages of its gradient and of its square.
struct Adam8State {
  mx::array parameter;
  CodedAverage m, v;
};

/// adam_step with m and v in 8 bits: 2 bytes a parameter instead of 8. The parameter is updated
/// from m and v before they are rounded. The codes are those of bitsandbytes on the CPU. Dettmers
/// et al., arXiv:2110.02861.
Adam8State adam8_step(const Adam8State& state, const mx::array& gradient,
                      const AdamOptions& options);

}  // namespace graft::ops
