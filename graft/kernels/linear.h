#pragma once

#include <cstdint>
#include <span>

#include "graft/kernels/linear_weight.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// Rows [N, width] of activations, row-major with no gaps.
struct Rows {
  const void* data;
  int64_t rows;
  ScalarType type;
};

/// y [N, out] = x [N, in] w^T plus the low-rank terms [out columns], times `factors` [out] if not
/// null, plus `bias` [out] if it is not null. With a bias, x, y and the bias have the same type;
/// factors are without a bias.
struct LinearProduct {
  LinearWeight w;
  const void* bias;
  std::span<const LowRankTerm> low_rank;
  void* y;
  const float* factors = nullptr;
};

/// Products of the same x, all y of y_type. A few rows are multiplied straight from the weights as
/// they are stored, all products together: up to 4, and up to 32 of 16 bits with weights of 4 or 8
/// bits where there are dot products for them (few_rows). A row's result does not depend on the
/// number of the others, as long as both numbers are few or both are not. With `int8`, x of more
/// rows may be rounded as PanelProduct says.
void linear(std::span<const LinearProduct> products, const Rows& x, ScalarType y_type,
            bool int8 = false);

}  // namespace graft::kernels
