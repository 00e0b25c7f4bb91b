#pragma once

#include <cstdint>
#include <span>

#include "graft/kernels/linear_weight.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// Rows [N, width] of activations, row-major with no gaps.
struct Rows {
  void* data;
  int64_t rows;
  ScalarType type;
};

/// y[N, out] = x[N, in] w^T, with `bias` [out] (of y's type) added if it is not null, and the terms
/// of low rank [out columns]. A few rows are multiplied straight from the weight as it is stored.
void linear(const LinearWeight& w, const Rows& x, const void* bias,
            std::span<const LowRankTerm> low_rank, const Rows& y);

}  // namespace graft::kernels
