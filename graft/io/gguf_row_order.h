#pragma once

#include <cstdint>

namespace graft::io {

/// The order of a matrix's rows in a GGUF file. Those of Q and K are permuted there in some
/// architectures: in a head of width C, rows j and j + C/2, which RoPE rotates together, are
/// adjacent.
struct RowOrder {
  int head_dim = 0;  // 0: as they are

  /// The row of the file that becomes `row`.
  int64_t stored(int64_t row) const {
    if (head_dim == 0) return row;
    const int64_t half = head_dim / 2;
    const int64_t head = row / head_dim, inside = row % head_dim;
    return head * head_dim + 2 * (inside % half) + inside / half;
  }
};

}  // namespace graft::io
