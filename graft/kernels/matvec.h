#pragma once

#include <cstdint>

#include "graft/kernels/quantized.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// A weight matrix, row after row; aligned to the element only.
struct DenseMatrix {
  const void* data;  ///< [rows, columns]
  ScalarType type;
  int64_t rows;
  int64_t columns;
};

/// y = x W^T + bias for few rows of x, as in decoding: the weights are read once for every eight
/// rows, and their reading is what takes the time. x [x_rows, columns] and bias [rows] (or null) of
/// x_type, y [x_rows, rows] of y_type. Accumulates in f32; the order of a sum depends on the
/// instruction set, not on x_rows or the threads.
void matvec(const DenseMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
            const void* bias, void* y, ScalarType y_type);

/// The same with the numbers of a quantized matrix, not rounded to any storage type.
void matvec(const QuantizedMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
            const void* bias, void* y, ScalarType y_type);

}  // namespace graft::kernels
