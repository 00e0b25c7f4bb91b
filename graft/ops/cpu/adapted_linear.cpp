#include "graft/ops/cpu/adapted_linear.h"

#include <utility>
#include <vector>

#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/panel_product.h"

namespace graft::ops::cpu {
namespace {

using kernels::LoraShape;
using kernels::ScalarType;

}  // namespace

void project_rows(std::span<const RowsProjection> projections, const kernels::Rows& x) {
  std::vector<kernels::LowRankTerm> updates(projections.size());
  std::vector<kernels::LinearProduct> products;
  for (size_t i = 0; i < projections.size(); ++i) {
    const auto& [weight, bias, adapter, xa, y] = projections[i];
    if (adapter.rank > 0) {
      kernels::lora_down({x.rows, weight.in, weight.out, adapter.rank, x.type}, adapter.x,
                         adapter.a, xa);
      updates[i] = {xa, adapter.b, adapter.rank, adapter.scale};
    }
    products.push_back({weight, bias, std::span(&updates[i], adapter.rank > 0 ? 1 : 0), y});
  }
  kernels::linear(products, x, x.type);
}

void project_rows_backward(std::span<const RowsGradient> gradients, int64_t rows, ScalarType type,
                           void* d_x) {
  size_t floats = 0;  // for d_xa [N, R] and a^T [R, in] of every adapter
  for (const RowsGradient& g : gradients) {
    floats += static_cast<size_t>((rows + g.weight.in) * g.adapter.rank);
  }
  static thread_local kernels::GrownBuffer scratch;
  float* room = scratch.get_as<float>(floats);

  std::vector<kernels::ProductTerm> terms;
  std::vector<kernels::LowRankTerm> low_rank;
  for (const RowsGradient& g : gradients) {
    terms.push_back({g.d_y, type, g.weight, false});
    const RowsAdapter& adapter = g.adapter;
    if (adapter.rank == 0) continue;
    const LoraShape shape{rows, g.weight.in, g.weight.out, adapter.rank, type};
    float* d_xa = std::exchange(room, room + rows * shape.rank);
    kernels::lora_backward(shape, adapter.x, g.xa, adapter.b, adapter.scale, g.d_y, g.d_a, g.d_b,
                           d_xa);
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

double projection_operations(const kernels::LinearWeight& weight, int rank, int64_t rows,
                             int products, int updates) {
  const auto n = static_cast<double>(rows), in = static_cast<double>(weight.in);
  const auto out = static_cast<double>(weight.out);
  return 2 * n * (products * in * out + updates * rank * (in + out));
}

}  // namespace graft::ops::cpu
