#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// A matrix in MLX's affine quantization: w = q * scale + bias, with one scale and one bias per
/// group of columns. A row of `weight` is columns * bits / 32 words, the values packed from the low
/// bits up, running on from word to word. Aligned to the element only.
struct QuantizedMatrix {
  const uint32_t* weight;  ///< [rows, columns * bits / 32]
  const void* scales;      ///< [rows, columns / group_size]
  const void* biases;      ///< [rows, columns / group_size]
  ScalarType scale_type;   ///< of scales and biases
  int64_t rows;
  int64_t columns;  ///< a multiple of group_size
  int bits;         ///< 2, 3, 4, 5, 6 or 8
  int group_size;   ///< 32, 64 or 128
};

/// Writes the block of rows [row_begin, row_end) and columns [column_begin, column_end), both ends
/// multiples of 32, to `out`, whose rows lie `out_stride` elements apart. q * scale + bias is
/// computed in f32 and rounded once to `out_type`.
void dequantize_block(const QuantizedMatrix& matrix, int64_t row_begin, int64_t row_end,
                      int64_t column_begin, int64_t column_end, ScalarType out_type, void* out,
                      int64_t out_stride);

/// Writes row `indices[i]`, each in [0, rows), as row i of `out` [count, columns].
void dequantize_rows(const QuantizedMatrix& matrix, const int32_t* indices, int64_t count,
                     ScalarType out_type, void* out);

}  // namespace graft::kernels
