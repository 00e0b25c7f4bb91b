#pragma once

#include "graft/kernels/convert.h"
#include "graft/kernels/quantized.h"
#include "graft/kernels/small_floats.h"

namespace graft::kernels {

/// The value q of one element, read bit by bit.
inline uint32_t quantized_value_scalar(const QuantizedMatrix& m, int64_t row, int64_t column) {
  const int64_t first = (row * m.columns + column) * m.bits;
  uint32_t q = 0;
  for (int64_t i = 0; i < m.bits; ++i) {
    const int64_t bit = first + i;
    q |= ((m.weight[bit / 32] >> (bit % 32)) & 1u) << i;
  }
  return q;
}

/// One element of the matrix in f32.
inline float dequantized_scalar(const QuantizedMatrix& m, int64_t row, int64_t column) {
  const int64_t group = (row * m.columns + column) / m.group_size;
  if (!has_biases(m.mode)) {
    const uint32_t q = quantized_value_scalar(m, row, column);
    const uint8_t scale = static_cast<const uint8_t*>(m.scales)[group];
    return (m.bits == 4 ? kE2m1[q] : e4m3_value(static_cast<uint8_t>(q))) *
           (m.mode == QuantizationMode::nvfp4 ? e4m3_value(scale) : e8m0_value(scale));
  }
  const float scale = load_scalar(m.scale_type, m.scales, group);
  const float bias = load_scalar(m.scale_type, m.biases, group);
  return static_cast<float>(quantized_value_scalar(m, row, column)) * scale + bias;
}

/// dequantize_block as plain loops: what the vector code is tested against.
inline void dequantize_block_scalar(const QuantizedMatrix& m, int64_t row_begin, int64_t row_end,
                                    int64_t column_begin, int64_t column_end, ScalarType out_type,
                                    void* out, int64_t out_stride) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t column = column_begin; column < column_end; ++column) {
      store_scalar(out_type, out, (row - row_begin) * out_stride + column - column_begin,
                   dequantized_scalar(m, row, column));
    }
  }
}

}  // namespace graft::kernels
