#pragma once

#include <cstdint>

#include "graft/base/quantization_mode.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// A matrix in one of MLX's quantization modes: w = q * scale + bias with integers q in mode
/// affine, w = q * scale with floating-point numbers q in the others. A row of `weight` is columns
/// * bits / 32 words, the values packed from the low bits up, running on from word to word. Aligned
/// to the element only.
struct QuantizedMatrix {
  const uint32_t* weight;  ///< [rows, columns * bits / 32]
  const void* scales;      ///< [rows, columns / group_size], of bytes unless the mode is affine
  const void* biases;      ///< the same in mode affine, else null
  ScalarType scale_type;   ///< of scales and biases in mode affine
  int64_t rows;
  int64_t columns;  ///< a multiple of group_size
  int bits;         ///< 2, 3, 4, 5, 6 or 8
  int group_size;   ///< 16, 32, 64 or 128
  QuantizationMode mode = QuantizationMode::affine;

  /// Bytes of a scale.
  int64_t scale_bytes() const {
    return has_biases(mode) ? static_cast<int64_t>(size_of(scale_type)) : 1;
  }
  /// Whether the values of both are read and scaled alike.
  bool is_stored_as(const QuantizedMatrix& other) const {
    return mode == other.mode && bits == other.bits && group_size == other.group_size;
  }
};

/// Writes the block of rows [row_begin, row_end) and columns [column_begin, column_end), both ends
/// multiples of 32 (or the last column), to `out`, whose rows lie `out_stride` elements apart.
/// Computed in f32 and rounded once to `out_type`; of modes without biases, bf16 numbers below
/// 2^-126 may be cut instead.
void dequantize_block(const QuantizedMatrix& matrix, int64_t row_begin, int64_t row_end,
                      int64_t column_begin, int64_t column_end, ScalarType out_type, void* out,
                      int64_t out_stride);

/// Writes row `indices[i]`, each in [0, rows), as row i of `out` [count, columns].
void dequantize_rows(const QuantizedMatrix& matrix, const int32_t* indices, int64_t count,
                     ScalarType out_type, void* out);

}  // namespace graft::kernels
