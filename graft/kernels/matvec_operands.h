#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// Up to eight rows of x as the dot products want them, in f32.
struct MatvecX {
  int64_t rows;  ///< 1, 2, 4 or 8: rows of zeros were added
  int64_t columns;
  const float* values;  ///< [rows, columns]; for 4 bits the even columns of a row, then the odd

  const float* row(int64_t i) const { return values + i * columns; }
};

/// Where the dot products go.
struct MatvecY {
  int64_t rows;  ///< as many as x has without the added ones
  int64_t columns;
  void* data;  ///< [rows, columns]
  ScalarType type;
  const void* bias;  ///< [columns] of bias_type, or null
  ScalarType bias_type;
};

}  // namespace graft::kernels
