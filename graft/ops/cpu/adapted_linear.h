#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "graft/kernels/linear.h"
#include "graft/kernels/lora.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {

/// The adapter of a projection, for rows of its input x [N, in]; see kernels/lora.h.
struct RowsAdapter {
  int rank = 0;  // R; 0 where there is no adapter
  float scale = 0;
  const void* x = nullptr;         // [N, in], with dropout another than the projection's
  const float* a = nullptr;        // [in, R]
  const float* b = nullptr;        // [R, out]
  const float* factors = nullptr;  // [out], of DoRA; then the projection has no bias
};

/// A projection of rows.
struct RowsProjection {
  kernels::LinearWeight weight;
  const void* bias = nullptr;  // [out]
  RowsAdapter adapter = {};
  float* xa = nullptr;  // [N, R] = x a of the adapter, kept for its gradient
  void* y;              // [N, out]
};

/// y = x w^T + bias + scale * (x a) b of each projection of the same rows; with factors, times
/// these. With `int8`, x may be rounded as kernels::PanelProduct says.
void project_rows(std::span<const RowsProjection> projections, const kernels::Rows& x,
                  bool int8 = false);

/// The gradients of a projection of rows.
struct RowsGradient {
  kernels::LinearWeight weight;
  const void* d_y;  // [N, out]
  RowsAdapter adapter = {};
  const float* xa = nullptr;     // [N, R]
  float* d_a = nullptr;          // [in, R]
  float* d_b = nullptr;          // [R, out]
  float* d_adapter_x = nullptr;  // [N, in] where the adapter has an x of its own
  const void* y = nullptr;       // [N, out] where it has factors
  float* d_factors = nullptr;    // [out]
};

/// Writes d_a, d_b and d_adapter_x of each projection, and unless it is null d_x [N, in], summed
/// over the projections in f32 before it is rounded. For g = d_y, times the factors if there are
/// any:
///   d_x = g w + s (g b^T) a^T,   d_a = s x^T (g b^T),   d_b = s (x a)^T g.
void project_rows_backward(std::span<const RowsGradient> gradients, int64_t rows,
                           kernels::ScalarType type, void* d_x);

/// The y of a forward node's projections. Its outputs are these, of `y_shapes` and `dtype`, then
/// the f32 products xa of the adapters [N, R], of `xa_shapes`, which its gradient alone uses.
std::vector<mx::array> apply_projections(std::shared_ptr<CpuPrimitive> node,
                                         std::vector<mx::Shape> y_shapes,
                                         const std::vector<mx::Shape>& xa_shapes, mx::Dtype dtype,
                                         std::vector<mx::array> inputs);

/// What project_rows works with, for adapters of these ranks (0: none) and `rows` rows.
struct RowsShape {
  kernels::LinearWeight weight;
  int rank = 0;
};
Scratch projection_scratch(std::span<const RowsShape> shapes, int64_t rows,
                           kernels::ScalarType type);
/// The same of project_rows_backward.
Scratch projection_backward_scratch(std::span<const RowsShape> shapes, int64_t rows,
                                    kernels::ScalarType type, bool wants_x);

/// The work of `products` products of rows with each weight, and `updates` with each of the two
/// matrices of its adapter.
Work projection_work(std::span<const RowsShape> shapes, int64_t rows, int products, int updates);

/// Floating-point operations of `products` products of rows with the weight, and `updates` products
/// with each of the two matrices of its adapter.
double projection_operations(const kernels::LinearWeight& weight, int rank, int64_t rows,
                             int products, int updates);

}  // namespace graft::ops::cpu
