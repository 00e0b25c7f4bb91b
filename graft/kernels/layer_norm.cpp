#include "graft/kernels/layer_norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/layer_norm.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/norm_rows-inl.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

// The mean of a row is `center` + `rest`: center is its f32, which is too inexact for numbers far
// from 0 with a small spread; the distances from it are exact, and their mean is the rest.
struct Moments {
  float center, rest;
  float scale;  // 1 / sqrt(variance + eps)
};

// Two passes over the row and a correction (Chan, Golub and LeVeque, Algorithms for Computing the
// Sample Variance, 1983): with e = s - center,  variance = mean(e^2) - mean(e)^2, which rounding
// may take below 0 where all numbers are the same.
Moments moments_of(int64_t width, float eps, float center, float distances, float squares) {
  const float n = static_cast<float>(width);
  const float rest = distances / n;
  const float variance = squares / n - rest * rest;
  return {center, rest, 1.0f / std::sqrt((variance < 0 ? 0 : variance) + eps)};
}

template <class T, class W>
HWY_INLINE void layer_norm_row(const NormRow<T, W>& row) {
  const FloatTag d;
  auto total = hn::Zero(d);
  const T* sum = summed(row, [&](auto s) HWY_ATTR { total = hn::Add(total, s); });
  const float mean = sum_of(d, total) / static_cast<float>(row.width);
  const auto center = hn::Set(d, mean);
  auto distances = hn::Zero(d), squares = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto e = keep(d, hn::Sub(load(d, sum + i, lanes), center), hn::Zero(d), lanes);
    distances = hn::Add(distances, e);
    squares = hn::MulAdd(e, e, squares);
  });
  const Moments m = moments_of(row.width, row.eps, mean, sum_of(d, distances), sum_of(d, squares));
  const auto rest = hn::Set(d, m.rest);
  const auto scale = hn::Set(d, m.scale);
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto e = hn::Sub(hn::Sub(load(d, sum + i, lanes), center), rest);
    const auto added = row.bias == nullptr ? hn::Zero(d) : load(d, row.bias + i, lanes);
    store(d, hn::MulAdd(hn::Mul(e, scale), load(d, row.weight + i, lanes), added), row.normed + i,
          lanes);
  });
}

// With s the sum, w the weight, g the gradient of y = normed, n the width, r = (var + eps)^(-1/2)
// and x_i = s_i - mean:  y_i = x_i r w_i + b_i,  dx_i/ds_j = [i = j] - 1 / n,  dr/ds_j = -r^3 x_j /
// n:
//   ds_j = r (w_j g_j - mean(w g)) - r^3 x_j mean(w g x),
// to which the gradient that comes from the sum's other uses is added.
template <class T, class W>
HWY_INLINE void layer_norm_backward_row(const NormBackwardRow<T, W>& row) {
  const FloatTag d;
  const float n = static_cast<float>(row.width);
  auto total = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    total = hn::Add(total, load(d, row.sum + i, lanes));
  });
  const float mean = sum_of(d, total) / n;
  const auto center = hn::Set(d, mean);
  auto distances = hn::Zero(d), squares = hn::Zero(d);
  auto gradients = hn::Zero(d), products = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto e = keep(d, hn::Sub(load(d, row.sum + i, lanes), center), hn::Zero(d), lanes);
    const auto wg = weighted_gradient(row, i, lanes);
    distances = hn::Add(distances, e);
    squares = hn::MulAdd(e, e, squares);
    gradients = hn::Add(gradients, wg);
    products = hn::MulAdd(e, wg, products);
  });
  const Moments m = moments_of(row.width, row.eps, mean, sum_of(d, distances), sum_of(d, squares));
  const float gradient = sum_of(d, gradients) / n;
  const float product = sum_of(d, products) / n - m.rest * gradient;
  const auto rest = hn::Set(d, m.rest);
  const auto scale = hn::Set(d, m.scale);
  const auto mean_wg = hn::Set(d, gradient);
  const auto back = hn::Set(d, m.scale * m.scale * m.scale * product);
  write_d_h(row, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto x = hn::Sub(hn::Sub(load(d, row.sum + i, lanes), center), rest);
    const auto wg = weighted_gradient(row, i, lanes);
    return hn::NegMulAdd(x, back, hn::Mul(hn::Sub(wg, mean_wg), scale));
  });
}

void layer_norm_rows(const NormCall& call, int64_t begin, int64_t end) {
  for_norm_rows(call, begin, end, [](const auto& row) HWY_ATTR { layer_norm_row(row); });
}

void layer_norm_backward_rows(const NormBackwardCall& call, int64_t begin, int64_t end) {
  for_norm_rows(call, begin, end, [](const auto& row) HWY_ATTR { layer_norm_backward_row(row); });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(layer_norm_rows);
HWY_EXPORT(layer_norm_backward_rows);

void add_layer_norm(const NormShape& shape, const void* h, const void* delta, const void* weight,
                    const void* bias, void* sum, void* normed) {
  parallel_norm_rows(NormCall{shape, h, delta, weight, bias, sum, normed},
                     GRAFT_DISPATCH(layer_norm_rows));
}

void add_layer_norm_backward(const NormShape& shape, const void* sum, const void* weight,
                             const void* d_normed, const void* d_sum, void* d_h) {
  parallel_norm_rows(NormBackwardCall{shape, sum, weight, d_normed, d_sum, d_h},
                     GRAFT_DISPATCH(layer_norm_backward_rows));
}

}  // namespace graft::kernels
#endif
