#pragma once

#include <cstdint>

#include "graft/kernels/matvec_operands.h"
#include "graft/kernels/quantized.h"

// What the driver of products with few rows (matvec.cpp) and their code for dot products of pairs
// of 16-bit numbers (matvec_pairs.cpp) share. Not for other callers.
namespace graft::kernels {

/// Rows of x as pairs of 16-bit numbers, laid out for weights as they are stored.
struct PairsX {
  int64_t rows;
  int64_t words;       ///< of a row: pairs of numbers, with zeros up to whole blocks
  uint32_t* values;    ///< [rows, words]: a block's pairs meet the weights in a word's lowest bits
                       ///< first
  int64_t group_step;  ///< groups, with zeros up to whole vectors
  float* sums;         ///< [rows, group_step], of x in a group
  float* scales;       ///< [rows, group_step] with room for one vector more: what one unit of an
                       ///< integer stands for
};

/// Rows of x in one call.
constexpr int64_t kPairsRows = 64;

/// The code for one kind of dot products, for weights of 4 and 8 bits.
struct PairsMatvecKernels {
  /// `words` and `group_step` of an x for such weights.
  PairsX (*sizes)(const QuantizedMatrix& w);
  /// Writes row `row` of `to` from x [columns], of `type`.
  void (*write)(const QuantizedMatrix& w, const void* x, ScalarType type, const PairsX& to,
                int64_t row);
  /// The products with rows [begin, end) of the weights.
  void (*range)(const QuantizedMatrix& w, const PairsX& x, const MatvecY& y, int64_t begin,
                int64_t end);
};

/// For x in bf16, as it is, and weights of 4 bits or in 8-bit floats. Null where graft is not
/// compiled for them. Call them only if isa_has_avx512_bf16().
const PairsMatvecKernels* bf16_matvec_kernels();

/// For x as 16-bit integers with a scale for a group; not for 8-bit floats. Null where graft is not
/// compiled for them. Call them only if isa_has_avx512_vnni().
const PairsMatvecKernels* integer_matvec_kernels();

}  // namespace graft::kernels
