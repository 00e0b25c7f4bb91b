#pragma once

#include "graft/kernels/convert.h"
#include "graft/kernels/matvec.h"
#include "graft/kernels/scalar/quantized.h"

namespace graft::kernels {

/// matvec with any `weight(row, column)` as plain loops, accumulated in double: what the vector
/// code is tested against.
template <class Weight>
void matvec_scalar(Weight weight, int64_t rows, int64_t columns, int64_t x_rows, const void* x,
                   ScalarType x_type, const void* bias, void* y, ScalarType y_type) {
  for (int64_t m = 0; m < x_rows; ++m) {
    for (int64_t n = 0; n < rows; ++n) {
      double sum = bias == nullptr ? 0.0 : load_scalar(x_type, bias, n);
      for (int64_t k = 0; k < columns; ++k) {
        sum += double{weight(n, k)} * load_scalar(x_type, x, m * columns + k);
      }
      store_scalar(y_type, y, m * rows + n, static_cast<float>(sum));
    }
  }
}

inline void matvec_scalar(const DenseMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
                          const void* bias, void* y, ScalarType y_type) {
  auto weight = [&](int64_t n, int64_t k) {
    return load_scalar(w.type, w.data, n * w.columns + k);
  };
  matvec_scalar(weight, w.rows, w.columns, x_rows, x, x_type, bias, y, y_type);
}

inline void matvec_scalar(const QuantizedMatrix& w, int64_t x_rows, const void* x,
                          ScalarType x_type, const void* bias, void* y, ScalarType y_type) {
  auto weight = [&](int64_t n, int64_t k) { return dequantized_scalar(w, n, k); };
  matvec_scalar(weight, w.rows, w.columns, x_rows, x, x_type, bias, y, y_type);
}

}  // namespace graft::kernels
