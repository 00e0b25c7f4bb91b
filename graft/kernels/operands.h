#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// The lanes of the widest vector; the rows of operands and results are multiples of it.
constexpr int64_t kMaxLanes = 16;

constexpr int64_t round_up(int64_t x, int64_t multiple) {
  return (x + multiple - 1) / multiple * multiple;
}

constexpr int64_t round_down(int64_t x, int64_t multiple) { return x / multiple * multiple; }

/// Rows of head_dim numbers within [rows, heads * head_dim]: `group` neighbouring heads of one row,
/// then the same heads of the next row.
struct HeadRows {
  const void* data;
  ScalarType type;
  int64_t begin;     ///< the element where row 0 begins
  int64_t row_step;  ///< elements from one token's row to the next
  int64_t group;     ///< heads of a token
  int64_t head_dim;

  int64_t at(int64_t row) const { return begin + row / group * row_step + row % group * head_dim; }
};

/// Iterates over the first elements of the rows of HeadRows, without divisions.
class RowCursor {
 public:
  RowCursor(const HeadRows& rows, int64_t first)
      : rows_(rows), head_(first % rows.group), at_(rows.at(first)) {}
  /// This row's element; moves on to the next row.
  int64_t next() {
    const int64_t at = at_;
    at_ += rows_.head_dim;
    if (++head_ == rows_.group) {
      head_ = 0;
      at_ += rows_.row_step - rows_.group * rows_.head_dim;
    }
    return at;
  }

 private:
  const HeadRows& rows_;
  int64_t head_, at_;
};

}  // namespace graft::kernels
