#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "graft/kernels/muon.h"

namespace graft::kernels {

/// muon_update as plain loops in double: what the vector code is tested against.
inline void muon_update_scalar(const MuonOptions& options, int64_t rows, int64_t columns,
                               const float* gradient, const float* p, const float* v, float* p_out,
                               float* v_out) {
  const bool tall = rows > columns;
  const int64_t side = std::min(rows, columns), n = std::max(rows, columns);
  std::vector<double> x(static_cast<size_t>(rows * columns));
  // The element [i, j] of x [side, n].
  const auto at = [&](int64_t i, int64_t j) -> double& {
    return x[static_cast<size_t>(tall ? j * columns + i : i * columns + j)];
  };
  double squares = 0;
  for (int64_t i = 0; i < rows * columns; ++i) {
    const double g = gradient[i] + double{options.weight_decay} * p[i];
    const double fresh = (1 - options.momentum) * g, kept = options.momentum * v[i] + fresh;
    const double direction = options.nesterov ? fresh + options.momentum * kept : kept;
    v_out[i] = static_cast<float>(kept);
    x[static_cast<size_t>(i)] = direction;
    squares += direction * direction;
  }
  for (double& value : x) value /= std::sqrt(squares) + 1e-7;
  const auto square = [&](auto element) {
    std::vector<double> product(static_cast<size_t>(side * side));
    for (int64_t i = 0; i < side * side; ++i) {
      product[static_cast<size_t>(i)] = element(i / side, i % side);
    }
    return product;
  };
  for (int k = 0; k < options.iterations; ++k) {
    const auto gram = square([&](int64_t i, int64_t j) {
      double sum = 0;
      for (int64_t c = 0; c < n; ++c) sum += at(i, c) * at(j, c);
      return sum;
    });
    const auto even = square([&](int64_t i, int64_t j) {
      double sum = 0;
      for (int64_t c = 0; c < side; ++c) {
        sum += gram[static_cast<size_t>(i * side + c)] * gram[static_cast<size_t>(c * side + j)];
      }
      return -4.7750 * gram[static_cast<size_t>(i * side + j)] + 2.0315 * sum;
    });
    for (int64_t c = 0; c < n; ++c) {
      std::vector<double> column;
      for (int64_t i = 0; i < side; ++i) {
        double sum = 3.4445 * at(i, c);
        for (int64_t j = 0; j < side; ++j)
          sum += even[static_cast<size_t>(i * side + j)] * at(j, c);
        column.push_back(sum);
      }
      for (int64_t i = 0; i < side; ++i) at(i, c) = column[static_cast<size_t>(i)];
    }
  }
  for (int64_t i = 0; i < rows * columns; ++i) {
    p_out[i] = static_cast<float>(p[i] - options.step * x[static_cast<size_t>(i)]);
  }
}

}  // namespace graft::kernels
