#pragma once

#include <compare>
#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// One dense product C[M, N] (+)= A[M, K] * B, on row-major operands with f32 accumulation.
struct Matmul {
  int64_t m, n, k;
  ScalarType type;          // of A and B: f32 or bf16
  bool transpose_b;         // B is stored [N, K] (a weight, going forward), else [K, N]
  int64_t lda, ldb, ldc;    // elements from one row to the next
  ScalarType c_type;        // f32 or bf16
  bool accumulate = false;  // adds to C, else overwrites it

  auto operator<=>(const Matmul&) const = default;  // NOLINT(modernize-use-nullptr): clang 14
};

/// Runs the product on all threads, with oneDNN. Its kernels are compiled once per distinct
/// `Matmul` and kept (bounded), so callers keep the number of distinct shapes small: see
/// `padded_rows`. Throws Error if the processor cannot multiply `type`.
void matmul(const Matmul& shape, const void* a, const void* b, void* c);

/// `rows` rounded up to the granularity that callers use where their buffers have the room: the
/// rows of variable-length batches then come in few sizes, and few kernels are compiled. What
/// stands in the surplus rows is never looked at.
inline int64_t padded_rows(int64_t rows) { return rows <= 4 ? rows : (rows + 31) / 32 * 32; }

/// True if bf16 products run on bf16 instructions here. Where not (and under
/// ONEDNN_MAX_CPU_ISA=AVX2), bf16 weights are widened to f32 before they are multiplied.
bool has_bf16_matmul();

}  // namespace graft::kernels
