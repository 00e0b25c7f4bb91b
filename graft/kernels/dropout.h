#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// The element (row, column) is dropped if `dropout_bits` of them is below `threshold`; others are
/// multiplied by `scale`. `row_ids` are the rows' numbers for that, one a row. [rows, width] each;
/// `out` may be `x`.
void dropout(ScalarType type, int64_t rows, int64_t width, const void* x, const uint32_t* row_ids,
             uint64_t key, uint32_t threshold, float scale, void* out);

/// 32 bits that look random: "lowbias32" (Chris Wellons, Prospecting for Hash Functions, 2018).
inline uint32_t mixed_bits(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

/// Of a row, with both halves of the key.
inline uint32_t dropout_row(uint32_t row_id, uint64_t key) {
  const uint32_t low = mixed_bits(row_id ^ static_cast<uint32_t>(key));
  return mixed_bits(low ^ static_cast<uint32_t>(key >> 32));
}

inline constexpr uint32_t kDropoutColumn = 0x9e3779b9u;

inline uint32_t dropout_bits(uint32_t row_id, uint32_t column, uint64_t key) {
  return mixed_bits(dropout_row(row_id, key) ^ (column * kDropoutColumn));
}

}  // namespace graft::kernels
