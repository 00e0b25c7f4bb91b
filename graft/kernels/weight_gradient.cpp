#include "graft/kernels/weight_gradient.h"

#include "graft/kernels/panel_product.h"

namespace graft::kernels {

void weight_gradient(const WeightGradient& o, float* d_weight, bool accumulate) {
  // x as the matrix that is unpacked, d_y from its columns.
  const LinearWeight x{.out = o.rows, .in = o.in, .data = o.x, .type = o.type};
  const ProductTerm term{
      .left = o.d_y, .type = o.type, .weight = x, .transposed = false, .left_transposed = true};
  panel_product({.rows = o.out,
                 .columns = o.in,
                 .terms = {&term, 1},
                 .out = d_weight,
                 .out_type = ScalarType::f32,
                 .accumulate = accumulate});
}

size_t weight_gradient_scratch(int64_t rows, int64_t out, ScalarType type) {
  return panel_scratch(out, {&rows, 1}, type);
}

}  // namespace graft::kernels
