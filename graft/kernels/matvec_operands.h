#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// Up to eight rows of x in f32, laid out for the dot products.
struct MatvecX {
  int64_t rows;  ///< 1, 2, 4 or 8: rows of zeros were added
  int64_t columns;
  const float* values;  ///< [rows, columns]

  const float* row(int64_t i) const { return values + i * columns; }
};

/// The same for weights in E4M3: rows multiplied by powers of two, in the order of the weights'
/// vectors, with zeros up to a whole one.
struct ArrangedX {
  MatvecX rows;
  float undo[8];  ///< of each row: the power of two that makes it as it was
};

/// The integer that the largest number of a group becomes, and how many units of a rest make one
/// unit of an integer.
constexpr float kLargestInteger = 32767.0f;
constexpr float kRests = 65534.0f;

/// The same in pairs of 16-bit integers, with one scale for the columns of a group of the weights:
/// x = (integer + rest / kRests) * scale, to f32's precision of the largest number of the group.
struct IntegerX {
  int64_t rows;     ///< 1, 2, 4 or 8: rows of zeros were added
  int64_t columns;  ///< with zeros up to whole blocks
  int16_t* words;   ///< [rows, blocks, 2, ...]: a block's integers, then their rests; each begins
                    ///< with the factors of the weights in a word's lowest bits
  int64_t group_step;  ///< groups, with zeros up to whole vectors
  float* scales;       ///< [rows, group_step]
  float* sums;         ///< [rows, group_step], of x in a group
};

/// The sizes of an IntegerX; all 0: x stays in f32.
struct IntegerSizes {
  int64_t columns = 0;
  int64_t group_step = 0;
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
