#include "graft/kernels/lion.h"

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/lion.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void lion_range(const LionOptions& options, const float* gradient, const float* p, const float* m,
                float* p_out, float* m_out, int64_t begin, int64_t end) {
  const FloatTag d;
  const auto beta1 = hn::Set(d, static_cast<float>(options.beta1));
  const auto beta2 = hn::Set(d, static_cast<float>(options.beta2));
  const auto rest1 = hn::Set(d, static_cast<float>(1 - options.beta1));
  const auto rest2 = hn::Set(d, static_cast<float>(1 - options.beta2));
  const auto rate = hn::Set(d, options.learning_rate);
  const auto kept = hn::Set(d, 1.0f - options.learning_rate * options.weight_decay);
  for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
    const auto g = load(d, gradient + i, lanes), m0 = load(d, m + i, lanes);
    const auto direction = hn::MulAdd(beta1, m0, hn::Mul(rest1, g));
    const auto zero = hn::Zero(d);
    const auto size = hn::IfThenElse(hn::Eq(direction, zero), zero, rate);
    const auto step = hn::CopySign(size, direction);
    // A NaN stays one.
    const auto held = hn::IfThenElse(hn::Eq(direction, direction), step, direction);
    store(d, hn::MulAdd(beta2, m0, hn::Mul(rest2, g)), m_out + i, lanes);
    store(d, hn::Sub(hn::Mul(kept, load(d, p + i, lanes)), held), p_out + i, lanes);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(lion_range);

void lion_update(const LionOptions& options, int64_t count, const float* gradient, const float* p,
                 const float* m, float* p_out, float* m_out) {
  constexpr int64_t kGrain = 1 << 14;  // parameters that are worth a thread
  auto range = GRAFT_DISPATCH(lion_range);
  parallel_ranges(count, kGrain, [&](int64_t begin, int64_t end) {
    range(options, gradient, p, m, p_out, m_out, begin, end);
  });
}

}  // namespace graft::kernels
#endif
