#pragma once

#include <vector>

#include "graft/kernels/convert.h"
#include "graft/kernels/matvec.h"
#include "graft/kernels/scalar/quantized.h"
#include "graft/kernels/scalar/rounded.h"

namespace graft::kernels {

/// matvec with any `weight(row, column)` and `x_at(row, column)` as plain loops, accumulated in
/// double: what the vector code is tested against.
template <class Weight, class X>
void matvec_scalar(const Weight& weight, int64_t rows, int64_t columns, int64_t x_rows,
                   const X& x_at, ScalarType x_type, const void* bias, void* y, ScalarType y_type) {
  for (int64_t m = 0; m < x_rows; ++m) {
    for (int64_t n = 0; n < rows; ++n) {
      double sum = bias == nullptr ? 0.0 : load_scalar(x_type, bias, n);
      for (int64_t k = 0; k < columns; ++k) sum += double{weight(n, k)} * double{x_at(m, k)};
      store_scalar(y_type, y, m * rows + n, static_cast<float>(sum));
    }
  }
}

inline void matvec_scalar(const DenseMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
                          const void* bias, void* y, ScalarType y_type) {
  const auto weight = [&](int64_t n, int64_t k) {
    return load_scalar(w.type, w.data, n * w.columns + k);
  };
  const auto x_at = [&](int64_t m, int64_t k) { return load_scalar(x_type, x, m * w.columns + k); };
  matvec_scalar(weight, w.rows, w.columns, x_rows, x_at, x_type, bias, y, y_type);
}

/// With x rounded to 16-bit integers where the vector code does so.
inline void matvec_scalar(const QuantizedMatrix& w, int64_t x_rows, const void* x,
                          ScalarType x_type, const void* bias, void* y, ScalarType y_type) {
  const auto weight = [&](int64_t n, int64_t k) { return dequantized_scalar(w, n, k); };
  std::vector<double> numbers;
  for (int64_t at = 0; at < x_rows * w.columns; at += w.group_size) {
    std::vector<float> group;
    for (int64_t i = 0; i < w.group_size; ++i) group.push_back(load_scalar(x_type, x, at + i));
    const RoundedScalar rounded(group);
    const bool rounds = rounds_x(w, x_type);
    for (size_t i = 0; i < group.size(); ++i) {
      numbers.push_back(rounds ? rounded.scale * rounded.integers[i] : double{group[i]});
    }
  }
  const auto x_at = [&](int64_t m, int64_t k) {
    return numbers[static_cast<size_t>(m * w.columns + k)];
  };
  matvec_scalar(weight, w.rows, w.columns, x_rows, x_at, x_type, bias, y, y_type);
}

}  // namespace graft::kernels
