#pragma once

#include <cstdint>

#include "graft/kernels/quantized.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// The matrix [out, in] of a linear layer: dense, or quantized where `quantized` is set.
struct LinearWeight {
  int64_t out = 0, in = 0;
  const void* data = nullptr;         ///< dense [out, in] of `type`
  ScalarType type = ScalarType::f32;  ///< of the dense matrix
  bool quantized = false;             ///< then `matrix` holds it
  QuantizedMatrix matrix = {};
};

/// Rows [begin, end) of a weight: a part of a vocabulary.
LinearWeight rows_of(const LinearWeight& weight, int64_t begin, int64_t end);

}  // namespace graft::kernels
