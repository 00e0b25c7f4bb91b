#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "graft/kernels/adafactor.h"

namespace graft::kernels {

/// adafactor_update as plain loops in double: what the vector code is tested against.
inline void adafactor_update_scalar(const AdafactorOptions& o, int64_t count, int64_t rows,
                                    int64_t columns, const float* gradient,
                                    const AdafactorArrays<const float>& in,
                                    const AdafactorArrays<float>& out) {
  const int64_t size = count * rows * columns;
  const auto root_mean_square = [&](const auto& values) {
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += double{values[i]} * double{values[i]};
    return std::sqrt(sum / static_cast<double>(size));
  };
  const auto moved = [&](float average, double mean) {
    return o.keep * double{average} + (1 - double{o.keep}) * (mean + o.eps);
  };
  double step = o.rate;
  if (o.scale_parameter) step *= std::max<double>(o.scale_eps, root_mean_square(in.parameter));
  std::vector<double> u(static_cast<size_t>(size));
  for (int64_t k = 0; k < count; ++k) {
    const float* g = gradient + k * rows * columns;
    std::vector<double> row, col;
    double mean = 0;
    for (int64_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (int64_t c = 0; c < columns; ++c) sum += double{g[r * columns + c]} * g[r * columns + c];
      row.push_back(moved(in.row[k * rows + r], sum / static_cast<double>(columns)));
      mean += row.back() / static_cast<double>(rows);
    }
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += double{g[r * columns + c]} * g[r * columns + c];
      col.push_back(moved(in.col[k * columns + c], sum / static_cast<double>(rows)));
    }
    for (int64_t i = 0; i < rows * columns; ++i) {
      const double v =
          row[static_cast<size_t>(i / columns)] * col[static_cast<size_t>(i % columns)] / mean;
      u[static_cast<size_t>(k * rows * columns + i)] = g[i] / std::sqrt(v);
    }
    for (int64_t r = 0; r < rows; ++r) {
      out.row[k * rows + r] = static_cast<float>(row[static_cast<size_t>(r)]);
    }
    for (int64_t c = 0; c < columns; ++c) {
      out.col[k * columns + c] = static_cast<float>(col[static_cast<size_t>(c)]);
    }
  }
  const double excess = std::max(1.0, root_mean_square(u) / o.clip_threshold);
  for (int64_t i = 0; i < size; ++i) {
    double by = step / excess * u[static_cast<size_t>(i)];
    if (in.m != nullptr) {
      by = o.beta1 * in.m[i] + (1 - o.beta1) * by;
      out.m[i] = static_cast<float>(by);
    }
    out.parameter[i] =
        static_cast<float>(in.parameter[i] - by - step * o.weight_decay * in.parameter[i]);
  }
}

}  // namespace graft::kernels
