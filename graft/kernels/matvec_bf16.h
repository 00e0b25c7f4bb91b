#pragma once

#include <cstdint>

#include "graft/kernels/matvec_operands.h"
#include "graft/kernels/quantized.h"

// What the driver of products with few rows (matvec.cpp) and their code for dot products of bf16
// (matvec_bf16.cpp) share. Not for other callers.
namespace graft::kernels {

/// Rows of x in bf16, as they are, laid out for weights as they are stored.
struct Bf16X {
  int64_t rows;
  int64_t words;       ///< of a row: pairs of numbers, with zeros up to whole blocks
  uint32_t* values;    ///< [rows, words]: a block's pairs meet the weights in a word's lowest bits
                       ///< first
  int64_t group_step;  ///< groups, with zeros up to whole vectors
  float* sums;         ///< [rows, group_step], of x in a group
};

/// Rows of x in one call.
constexpr int64_t kBf16Rows = 64;

/// The code for bf16 dot products, for weights of 4 and 8 bits.
struct Bf16MatvecKernels {
  /// `words` and `group_step` of an x for such weights.
  Bf16X (*sizes)(const QuantizedMatrix& w);
  /// Writes row `row` of `to` from x [columns], of bf16.
  void (*write)(const QuantizedMatrix& w, const void* x, const Bf16X& to, int64_t row);
  /// The products with rows [begin, end) of the weights.
  void (*range)(const QuantizedMatrix& w, const Bf16X& x, const MatvecY& y, int64_t begin,
                int64_t end);
};

/// Null where graft is not compiled for them. Call them only if isa_has_avx512_bf16().
const Bf16MatvecKernels* bf16_matvec_kernels();

}  // namespace graft::kernels
