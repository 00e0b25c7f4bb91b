#include "graft/kernels/adam.h"

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/adam.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/adam-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void adam_range(const AdamOptions& options, const float* gradient, const float* p, const float* m,
                const float* v, float* p_out, float* m_out, float* v_out, int64_t begin,
                int64_t end) {
  const FloatTag d;
  const AdamRule rule(options);
  for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
    const AdamVectors next =
        rule(load(d, gradient + i, lanes),
             {load(d, p + i, lanes), load(d, m + i, lanes), load(d, v + i, lanes)});
    store(d, next.m, m_out + i, lanes);
    store(d, next.v, v_out + i, lanes);
    store(d, next.p, p_out + i, lanes);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(adam_range);

void adam_update(const AdamOptions& options, int64_t count, const float* gradient, const float* p,
                 const float* m, const float* v, float* p_out, float* m_out, float* v_out) {
  constexpr int64_t kGrain = 1 << 14;  // parameters that are worth a thread
  auto range = GRAFT_DISPATCH(adam_range);
  parallel_ranges(count, kGrain, [&](int64_t begin, int64_t end) {
    range(options, gradient, p, m, v, p_out, m_out, v_out, begin, end);
  });
}

}  // namespace graft::kernels
#endif
