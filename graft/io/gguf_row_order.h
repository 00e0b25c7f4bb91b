#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <string>
#include <vector>

namespace graft::io {

namespace mx = mlx::core;

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

/// For each of so many rows of a checkpoint, that of the file. Throws Error, which begins with
/// `what`, if there are no whole heads.
std::vector<int32_t> stored_rows(int rows, int head_dim, const std::string& what);

/// Rows [out, ...] in the order that the file has them. Throws as stored_rows does.
mx::array in_stored_order(const mx::array& rows, int head_dim, const std::string& what);

}  // namespace graft::io
