// Sums of exponentials over rows of logits. Included once per instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_EXPONENTIALS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_EXPONENTIALS_INL_H_
#undef GRAFT_KERNELS_EXPONENTIALS_INL_H_
#else
#define GRAFT_KERNELS_EXPONENTIALS_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// -inf of none.
HWY_INLINE float largest_of(const float* x, int64_t count) {
  const FloatTag d;
  const auto nothing = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto largest = nothing;
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    largest = hn::Max(largest, keep(d, load(d, x + i, lanes), nothing, lanes));
  });
  return max_of(d, largest);
}

/// The sum of e^(x - shift). each(i, x's vector at i, its terms, lanes) is called for every vector.
template <class Each>
HWY_INLINE float sum_of_exponentials(const float* x, int64_t count, float shift, Each&& each) {
  const FloatTag d;
  const auto shifts = hn::Set(d, shift);
  auto total = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto logit = load(d, x + i, lanes);
    const auto e = exp(d, hn::Sub(logit, shifts));
    total = hn::Add(total, keep(d, e, hn::Zero(d), lanes));
    each(i, logit, e, lanes);
  });
  return sum_of(d, total);
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
