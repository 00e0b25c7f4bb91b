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
void add_rms_norm_row(int64_t width, float eps, const T* h, const T* delta, const W* weight, T* sum,
                      T* normed) {
  const FloatTag d;
  auto squares = hn::Zero(d);
  const T* summed = h;
  if (delta != nullptr) {
    for_vectors(hn::Lanes(d), 0, width, [&](int64_t i, auto lanes) HWY_ATTR {
      const auto s = rounded_to<T>(d, hn::Add(load(d, h + i, lanes), load(d, delta + i, lanes)));
      store(d, s, sum + i, lanes);
      squares = hn::MulAdd(s, s, squares);
    });
    summed = sum;
  } else {
    for_vectors(hn::Lanes(d), 0, width, [&](int64_t i, auto lanes) HWY_ATTR {
      const auto s = load(d, h + i, lanes);
      squares = hn::MulAdd(s, s, squares);
    });
  }
  const float mean = sum_of(d, squares) / static_cast<float>(width);
  const auto scale = hn::Set(d, 1.0f / std::sqrt(mean + eps));
  for_vectors(hn::Lanes(d), 0, width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto s = hn::Mul(load(d, summed + i, lanes), scale);
    store(d, hn::Mul(s, load(d, weight + i, lanes)), normed + i, lanes);
  });
}

void add_rms_norm_rows(const NormShape& shape, const void* h, const void* delta, const void* weight,
                       void* sum, void* normed, int64_t begin, int64_t end) {
  const int64_t width = shape.width;
  for_norm_rows(shape, begin, end, [&](auto tag, auto weight_tag, int64_t row) HWY_ATTR {
    using T = decltype(tag);
    using W = decltype(weight_tag);
    add_rms_norm_row(width, shape.eps, row_of<T>(h, row, width), row_of<T>(delta, row, width),
                     static_cast<const W*>(weight), row_of<T>(sum, row, width),
                     row_of<T>(normed, row, width));
  });
}

// With s the sum, w the weight, g the gradient of y = normed, n the width,
//   r = (mean(s^2) + eps)^(-1/2),  y_i = s_i r w_i,  dr/ds_j = -r^3 s_j / n:
//   ds_j = sum_i g_i dy_i/ds_j = r w_j g_j - (r^3 / n) s_j sum_i g_i w_i s_i,
// to which the gradient that comes from the sum's other uses is added.
template <class T, class W>
void add_rms_norm_backward_row(int64_t width, float eps, const T* sum, const W* weight,
                               const T* d_normed, const T* d_sum, T* d_h) {
  const FloatTag d;
  auto squares = hn::Zero(d);
  auto product = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto s = load(d, sum + i, lanes);
    const auto wg = hn::Mul(load(d, weight + i, lanes), load(d, d_normed + i, lanes));
    squares = hn::MulAdd(s, s, squares);
    product = hn::MulAdd(s, wg, product);
  });
  const float n = static_cast<float>(width);
  const float r = 1.0f / std::sqrt(sum_of(d, squares) / n + eps);
  const auto scale = hn::Set(d, r);
  const auto back = hn::Set(d, r * r * r * sum_of(d, product) / n);
  for_vectors(hn::Lanes(d), 0, width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto s = load(d, sum + i, lanes);
    const auto wg = hn::Mul(load(d, weight + i, lanes), load(d, d_normed + i, lanes));
    auto ds = hn::NegMulAdd(s, back, hn::Mul(wg, scale));
    if (d_sum != nullptr) ds = hn::Add(ds, load(d, d_sum + i, lanes));
    store(d, ds, d_h + i, lanes);
  });
}

void add_rms_norm_backward_rows(const NormShape& shape, const void* sum, const void* weight,
                                const void* d_normed, const void* d_sum, void* d_h, int64_t begin,
                                int64_t end) {
  const int64_t width = shape.width;
  for_norm_rows(shape, begin, end, [&](auto tag, auto weight_tag, int64_t row) HWY_ATTR {
    using T = decltype(tag);
    using W = decltype(weight_tag);
    add_rms_norm_backward_row(width, shape.eps, row_of<T>(sum, row, width),
                              static_cast<const W*>(weight), row_of<T>(d_normed, row, width),
                              row_of<T>(d_sum, row, width), row_of<T>(d_h, row, width));
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(add_rms_norm_rows);
HWY_EXPORT(add_rms_norm_backward_rows);

void add_rms_norm(const NormShape& shape, const void* h, const void* delta, const void* weight,
                  void* sum, void* normed) {
  auto rows = GRAFT_DISPATCH(add_rms_norm_rows);
  parallel_norm_rows(shape, [&](int64_t begin, int64_t end) {
    rows(shape, h, delta, weight, sum, normed, begin, end);
  });
}

void add_rms_norm_backward(const NormShape& shape, const void* sum, const void* weight,
                           const void* d_normed, const void* d_sum, void* d_h) {
  auto rows = GRAFT_DISPATCH(add_rms_norm_backward_rows);
  parallel_norm_rows(shape, [&](int64_t begin, int64_t end) {
    rows(shape, sum, weight, d_normed, d_sum, d_h, begin, end);
  });
}

}  // namespace graft::kernels
#endif
