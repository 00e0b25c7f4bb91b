#include "graft/kernels/rms_norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/rms_norm.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/norm_rows-inl.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

template <class T, class W>
HWY_INLINE void rms_norm_row(const NormRow<T, W>& row) {
  const FloatTag d;
  auto squares = hn::Zero(d);
  const T* sum = summed(row, [&](auto s) HWY_ATTR { squares = hn::MulAdd(s, s, squares); });
  const float mean = sum_of(d, squares) / static_cast<float>(row.width);
  const auto scale = hn::Set(d, 1.0f / std::sqrt(mean + row.eps));
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto s = hn::Mul(load(d, sum + i, lanes), scale);
    store(d, hn::Mul(s, load(d, row.weight + i, lanes)), row.normed + i, lanes);
  });
}

// With s the sum, w the weight, g the gradient of y = normed, n the width,
//   r = (mean(s^2) + eps)^(-1/2),  y_i = s_i r w_i,  dr/ds_j = -r^3 s_j / n:
//   ds_j = sum_i g_i dy_i/ds_j = r w_j g_j - (r^3 / n) s_j sum_i g_i w_i s_i,
// to which the gradient that comes from the sum's other uses is added.
template <class T, class W>
HWY_INLINE void rms_norm_backward_row(const NormBackwardRow<T, W>& row) {
  const FloatTag d;
  auto squares = hn::Zero(d);
  auto product = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto s = load(d, row.sum + i, lanes);
    squares = hn::MulAdd(s, s, squares);
    product = hn::MulAdd(s, weighted_gradient(row, i, lanes), product);
  });
  const float n = static_cast<float>(row.width);
  const float r = 1.0f / std::sqrt(sum_of(d, squares) / n + row.eps);
  const auto scale = hn::Set(d, r);
  const auto back = hn::Set(d, r * r * r * sum_of(d, product) / n);
  write_d_h(row, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto s = load(d, row.sum + i, lanes);
    return hn::NegMulAdd(s, back, hn::Mul(weighted_gradient(row, i, lanes), scale));
  });
}

void rms_norm_rows(const NormCall& call, int64_t begin, int64_t end) {
  for_norm_rows(call, begin, end, [](const auto& row) HWY_ATTR { rms_norm_row(row); });
}

void rms_norm_backward_rows(const NormBackwardCall& call, int64_t begin, int64_t end) {
  for_norm_rows(call, begin, end, [](const auto& row) HWY_ATTR { rms_norm_backward_row(row); });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(rms_norm_rows);
HWY_EXPORT(rms_norm_backward_rows);

void add_rms_norm(const NormShape& shape, const void* h, const void* delta, const void* weight,
                  void* sum, void* normed) {
  parallel_norm_rows(NormCall{shape, h, delta, weight, nullptr, sum, normed},
                     GRAFT_DISPATCH(rms_norm_rows));
}

void add_rms_norm_backward(const NormShape& shape, const void* sum, const void* weight,
                           const void* d_normed, const void* d_sum, void* d_h) {
  parallel_norm_rows(NormBackwardCall{shape, sum, weight, d_normed, d_sum, d_h},
                     GRAFT_DISPATCH(rms_norm_backward_rows));
}

}  // namespace graft::kernels
#endif
