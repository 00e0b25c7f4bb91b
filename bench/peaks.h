#pragma once

#include "graft/kernels/scalar_type.h"

namespace graft::bench {

/// What this machine can do at most, with all of graft's threads and the instruction set in use.
struct Peaks {
  double f32_gflops;     ///< multiply-adds of f32 between registers, two operations a lane
  double bf16_gflops;    ///< dot products of pairs of bf16 (vdpbf16ps); 0 where there are none
  double read_gb_per_s;  ///< reading a buffer that no cache holds; a GB is 1e9 bytes
};

/// Measured at the first call, in less than a second.
const Peaks& peaks();

/// GFLOPS of products of what is stored as `type`, in the type that it is multiplied in.
double product_peak(kernels::ScalarType type);

}  // namespace graft::bench
