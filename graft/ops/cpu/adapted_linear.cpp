#include "graft/ops/cpu/adapted_linear.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/panel_product.h"

namespace graft::ops::cpu {
namespace {

using kernels::LoraShape;
using kernels::ScalarType;

size_t largest_lora_scratch(std::span<const RowsShape> shapes, int64_t rows, ScalarType type) {
  size_t bytes = 0;
  for (const RowsShape& shape : shapes) {
    if (shape.rank == 0) continue;
    bytes = std::max(
        bytes, kernels::lora_scratch({rows, shape.weight.in, shape.weight.out, shape.rank, type}));
  }
  return bytes;
}

// d_xa [N, R] and a^T [R, in] of an adapter.
size_t backward_floats(const kernels::LinearWeight& weight, int rank, int64_t rows) {
  return static_cast<size_t>((rows + weight.in) * rank);
}

}  // namespace

Scratch projection_scratch(std::span<const RowsShape> shapes, int64_t rows, ScalarType type) {
  size_t bytes = largest_lora_scratch(shapes, rows, type);
  for (const RowsShape& shape : shapes) {
    bytes = std::max(bytes, kernels::panel_scratch(rows, {&shape.weight.in, 1}, type));
  }
  return {.shared = bytes};
}

Scratch projection_backward_scratch(std::span<const RowsShape> shapes, int64_t rows,
                                    ScalarType type, bool wants_x) {
  size_t floats = 0;
  std::vector<int64_t> depths;
  for (const RowsShape& shape : shapes) {
    floats += backward_floats(shape.weight, shape.rank, rows);
    if (wants_x) depths.push_back(shape.weight.out);
  }
  const size_t own = floats * sizeof(float);
  return {.shared = std::max(largest_lora_scratch(shapes, rows, type),
                             kernels::panel_scratch(rows, depths, type)),
          .own = own + own / 8};  // a GrownBuffer has room to spare
}

void project_rows(std::span<const RowsProjection> projections, const kernels::Rows& x, bool int8) {
  std::vector<kernels::LowRankTerm> updates(projections.size());
  std::vector<kernels::LinearProduct> products;
  for (size_t i = 0; i < projections.size(); ++i) {
    const auto& [weight, bias, adapter, xa, y] = projections[i];
    if (adapter.rank > 0) {
      kernels::lora_down({x.rows, weight.in, weight.out, adapter.rank, x.type}, adapter.x,
                         adapter.a, xa);
      updates[i] = {xa, adapter.b, adapter.rank, adapter.scale};
    }
    products.push_back(
        {weight, bias, std::span(&updates[i], adapter.rank > 0 ? 1 : 0), y, adapter.factors});
  }
  kernels::linear(products, x, x.type, int8);
}

void project_rows_backward(std::span<const RowsGradient> gradients, int64_t rows, ScalarType type,
                           void* d_x) {
  size_t floats = 0;
  for (const RowsGradient& g : gradients) {
    floats += backward_floats(g.weight, g.adapter.rank, rows);
  }
  static thread_local kernels::GrownBuffer scratch;
  float* room = scratch.get_as<float>(floats);

  std::vector<kernels::ProductTerm> terms;
  std::vector<kernels::LowRankTerm> low_rank;
  for (const RowsGradient& g : gradients) {
    const RowsAdapter& adapter = g.adapter;
    terms.push_back({g.d_y, type, g.weight, false, adapter.factors});
    if (adapter.rank == 0) continue;
    const LoraShape shape{rows, g.weight.in, g.weight.out, adapter.rank, type};
    float* d_xa = std::exchange(room, room + rows * shape.rank);
    kernels::lora_backward(shape, adapter.x, g.xa, adapter.b, adapter.scale, g.d_y, g.d_a, g.d_b,
                           d_xa, {adapter.factors, g.y, g.d_factors});
    float* transposed_a = std::exchange(room, room + shape.in * shape.rank);
    kernels::transpose(adapter.a, shape.in, shape.rank, transposed_a);
    const kernels::LowRankTerm update{d_xa, transposed_a, shape.rank, 1.0f};
    if (g.d_adapter_x == nullptr) {
      low_rank.push_back(update);
    } else {
      kernels::panel_product({.rows = rows,
                              .columns = shape.in,
                              .terms = {},
                              .low_rank = {&update, 1},
                              .out = g.d_adapter_x,
                              .out_type = ScalarType::f32});
    }
  }
  if (d_x == nullptr) return;
  kernels::panel_product({.rows = rows,
                          .columns = gradients.front().weight.in,
                          .terms = terms,
                          .low_rank = low_rank,
                          .out = d_x,
                          .out_type = type});
}

std::vector<mx::array> apply_projections(std::shared_ptr<CpuPrimitive> node,
                                         std::vector<mx::Shape> y_shapes,
                                         const std::vector<mx::Shape>& xa_shapes, mx::Dtype dtype,
                                         std::vector<mx::array> inputs) {
  const auto projections = static_cast<std::ptrdiff_t>(y_shapes.size());
  std::vector<mx::Dtype> dtypes(y_shapes.size(), dtype);
  dtypes.insert(dtypes.end(), xa_shapes.size(), mx::float32);
  y_shapes.insert(y_shapes.end(), xa_shapes.begin(), xa_shapes.end());
  std::vector<mx::array> outputs =
      apply(std::move(node), std::move(y_shapes), dtypes, std::move(inputs));
  outputs.erase(outputs.begin() + projections, outputs.end());
  return outputs;
}

Work projection_work(std::span<const RowsShape> shapes, int64_t rows, int products, int updates) {
  Work work;
  for (const auto& [weight, rank] : shapes) {
    work.products += projection_operations(weight, 0, rows, products, 0);
    work.adapters += projection_operations(weight, rank, rows, 0, updates);
    work.unpacked += static_cast<double>(weight.in * weight.out) * products *
                     static_cast<double>(kernels::panel_passes(rows));
  }
  return work;
}

double projection_operations(const kernels::LinearWeight& weight, int rank, int64_t rows,
                             int products, int updates) {
  const auto n = static_cast<double>(rows), in = static_cast<double>(weight.in);
  const auto out = static_cast<double>(weight.out);
  return 2 * n * (products * in * out + updates * rank * (in + out));
}

}  // namespace graft::ops::cpu
