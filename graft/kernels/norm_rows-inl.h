// What the kernels of all norms share. Included once per instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_NORM_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_NORM_ROWS_INL_H_
#undef GRAFT_KERNELS_NORM_ROWS_INL_H_
#else
#define GRAFT_KERNELS_NORM_ROWS_INL_H_
#endif

#include "graft/kernels/norm_rows.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// Row `row` of data [rows, width] of T; null stays null.
template <class T>
HWY_INLINE const T* row_of(const void* data, int64_t row, int64_t width) {
  return data == nullptr ? nullptr : static_cast<const T*>(data) + row * width;
}
template <class T>
HWY_INLINE T* row_of(void* data, int64_t row, int64_t width) {
  return data == nullptr ? nullptr : static_cast<T*>(data) + row * width;
}

/// One row of a NormCall.
template <class T, class W>
struct NormRow {
  int64_t width;
  float eps;
  const T *h, *delta;
  const W *weight, *bias;
  T *sum, *normed;
};

/// One row of a NormBackwardCall.
template <class T, class W>
struct NormBackwardRow {
  int64_t width;
  float eps;
  const T* sum;
  const W* weight;
  const T *d_normed, *d_sum;
  T* d_h;
};

template <class T, class W>
HWY_INLINE NormRow<T, W> row_of_call(const NormCall& call, int64_t row) {
  const int64_t width = call.shape.width;
  return {width,
          call.shape.eps,
          row_of<T>(call.h, row, width),
          row_of<T>(call.delta, row, width),
          static_cast<const W*>(call.weight),
          static_cast<const W*>(call.bias),
          row_of<T>(call.sum, row, width),
          row_of<T>(call.normed, row, width)};
}

template <class T, class W>
HWY_INLINE NormBackwardRow<T, W> row_of_call(const NormBackwardCall& call, int64_t row) {
  const int64_t width = call.shape.width;
  return {width,
          call.shape.eps,
          row_of<T>(call.sum, row, width),
          static_cast<const W*>(call.weight),
          row_of<T>(call.d_normed, row, width),
          row_of<T>(call.d_sum, row, width),
          row_of<T>(call.d_h, row, width)};
}

/// Calls body(row) for rows [begin, end) of a call, as a NormRow or NormBackwardRow of the types of
/// the hidden states and of the weight. The body is a generic lambda marked HWY_ATTR.
template <class Call, class Body>
HWY_INLINE void for_norm_rows(const Call& call, int64_t begin, int64_t end, Body&& body) {
  with_type(call.shape.type, [&](auto tag) HWY_ATTR {
    with_type(call.shape.weight_type, [&](auto weight_tag) HWY_ATTR {
      for (int64_t row = begin; row < end; ++row) {
        body(row_of_call<decltype(tag), decltype(weight_tag)>(call, row));
      }
    });
  });
}

/// Computes the row h + delta and writes it to the row's sum; without a delta, takes h itself.
/// Calls use(s), a lambda marked HWY_ATTR, for each vector of it; zeros follow the last element.
template <class T, class W, class Use>
HWY_INLINE const T* summed(const NormRow<T, W>& row, Use&& use) {
  const FloatTag d;
  if (row.delta == nullptr) {
    for_vectors(hn::Lanes(d), 0, row.width,
                [&](int64_t i, auto lanes) HWY_ATTR { use(load(d, row.h + i, lanes)); });
    return row.h;
  }
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto s =
        rounded_to<T>(d, hn::Add(load(d, row.h + i, lanes), load(d, row.delta + i, lanes)));
    store(d, s, row.sum + i, lanes);
    use(s);
  });
  return row.sum;
}

/// Writes d_h = gradient(i, lanes) + d_sum. `gradient` is a lambda marked HWY_ATTR that returns the
/// vector at i.
template <class T, class W, class Gradient>
HWY_INLINE void write_d_h(const NormBackwardRow<T, W>& row, Gradient&& gradient) {
  const FloatTag d;
  for_vectors(hn::Lanes(d), 0, row.width, [&](int64_t i, auto lanes) HWY_ATTR {
    auto ds = gradient(i, lanes);
    if (row.d_sum != nullptr) ds = hn::Add(ds, load(d, row.d_sum + i, lanes));
    store(d, ds, row.d_h + i, lanes);
  });
}

/// weight * d_normed at i.
template <class T, class W, class Lanes>
HWY_INLINE FloatVec weighted_gradient(const NormBackwardRow<T, W>& row, int64_t i, Lanes lanes) {
  const FloatTag d;
  return hn::Mul(load(d, row.weight + i, lanes), load(d, row.d_normed + i, lanes));
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
