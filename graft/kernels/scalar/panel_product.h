#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "graft/kernels/convert.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/scalar/quantized.h"
#include "graft/kernels/scalar/rounded.h"

namespace graft::kernels {

/// An element of a weight as the product takes it: rounded to bf16 if that is what it multiplies.
inline float weight_scalar(const LinearWeight& w, int64_t row, int64_t column, ScalarType type) {
  const float x = w.quantized ? dequantized_scalar(w.matrix, row, column)
                              : load_scalar(w.type, w.data, row * w.in + column);
  if (type == ScalarType::f32) return x;
  unsigned char rounded[4];
  store_scalar(type, rounded, 0, x);
  return load_scalar(type, rounded, 0);
}

/// An element of a term's left operand as the product takes it: rounded with its group if that is
/// multiplied as integers.
inline double left_scalar(const PanelProduct& p, const ProductTerm& term, int64_t row, int64_t k) {
  const auto at = [&](int64_t column) {
    return load_scalar(term.type, term.left,
                       term.left_transposed ? column * p.rows + row : row * term.depth() + column);
  };
  const int largest = largest_integer(p);
  if (largest == 0) return at(k);
  const int64_t group = term.weight.matrix.group_size, begin = k / group * group;
  std::vector<float> numbers;
  for (int64_t i = begin; i < begin + group; ++i) numbers.push_back(at(i));
  const RoundedScalar rounded(numbers, static_cast<float>(largest));
  return rounded.integers[static_cast<size_t>(k - begin)] * rounded.scale;
}

/// A term of a gradient in integers: blocks of 128 of its depth, in which scales and biases are 16
/// bits, and so are their products with the left operand.
inline double folded_term_scalar(const ProductTerm& term, int64_t row, int64_t column) {
  constexpr int64_t kBlock = 128;
  const QuantizedMatrix& m = term.weight.matrix;
  double sum = 0;
  for (int64_t begin = 0; begin < term.depth(); begin += kBlock) {
    const int64_t end = std::min(term.depth(), begin + kBlock);
    std::vector<float> left, scales, biases;
    for (int64_t k = begin; k < end; ++k) {
      const int64_t group = (k * m.columns + column) / m.group_size;
      left.push_back(load_scalar(term.type, term.left, row * term.depth() + k));
      scales.push_back(load_scalar(m.scale_type, m.scales, group));
      biases.push_back(load_scalar(m.scale_type, m.biases, group));
    }
    const RoundedScalar x(left), s(scales), b(biases);
    int64_t products = 0, bias_sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      const auto i = static_cast<size_t>(k - begin);
      const auto folded = [&](int32_t number) {
        return (int64_t{x.integers[i]} * number + (1 << 14)) >> 15;
      };
      products += folded(s.integers[i]) * quantized_value_scalar(m, k, column);
      bias_sum += folded(b.integers[i]);
    }
    sum += x.scale * 0x1p15 *
           (s.scale * static_cast<double>(products) + b.scale * static_cast<double>(bias_sum));
  }
  return sum;
}

/// One element of panel_product as plain loops in double.
inline float panel_product_element_scalar(const PanelProduct& p, int64_t row, int64_t column) {
  double sum = 0;
  const bool integers = largest_integer(p) > 0;
  for (const ProductTerm& term : p.terms) {
    if (integers && !term.transposed) {
      sum += folded_term_scalar(term, row, column);
      continue;
    }
    const ScalarType type = integers ? ScalarType::f32 : product_type(term.type);
    for (int64_t k = 0; k < term.depth(); ++k) {
      const float right = term.transposed ? weight_scalar(term.weight, column, k, type)
                                          : weight_scalar(term.weight, k, column, type);
      const double factor = term.left_factors == nullptr ? 1.0 : double{term.left_factors[k]};
      sum += factor * left_scalar(p, term, row, k) * right;
    }
  }
  for (const LowRankTerm& term : p.low_rank) {
    for (int64_t k = 0; k < term.rank; ++k) {
      sum +=
          double{term.scale} * term.left[row * term.rank + k] * term.right[k * p.columns + column];
    }
  }
  if (p.factors != nullptr) sum *= p.factors[column];
  if (p.bias != nullptr) sum += double{load_scalar(p.out_type, p.bias, column)};
  if (p.accumulate) sum += double{load_scalar(p.out_type, p.out, row * p.columns + column)};
  return static_cast<float>(sum);
}

/// All of it: what the vector code is tested against.
inline void panel_product_scalar(const PanelProduct& p) {
  for (int64_t row = 0; row < p.rows; ++row) {
    for (int64_t column = 0; column < p.columns; ++column) {
      store_scalar(p.out_type, p.out, row * p.columns + column,
                   panel_product_element_scalar(p, row, column));
    }
  }
}

}  // namespace graft::kernels
