#include "graft/kernels/adam.h"

#include <cmath>

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/adam.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void adam_range(const AdamOptions& options, const float* gradient, const float* p, const float* m,
                const float* v, float* p_out, float* m_out, float* v_out, int64_t begin,
                int64_t end) {
  const FloatTag d;
  const auto beta1 = hn::Set(d, static_cast<float>(options.beta1));
  const auto beta2 = hn::Set(d, static_cast<float>(options.beta2));
  const auto rest1 = hn::Set(d, static_cast<float>(1 - options.beta1));
  const auto rest2 = hn::Set(d, static_cast<float>(1 - options.beta2));
  const auto eps = hn::Set(d, options.eps);
  const auto rate = hn::Set(d, options.learning_rate / options.bias_correction1);
  const auto root_scale = hn::Set(d, 1.0f / std::sqrt(options.bias_correction2));
  const auto kept = hn::Set(d, 1.0f - options.learning_rate * options.weight_decay);
  for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
    const auto g = load(d, gradient + i, lanes);
    const auto m1 = hn::MulAdd(beta1, load(d, m + i, lanes), hn::Mul(rest1, g));
    const auto v1 = hn::MulAdd(beta2, load(d, v + i, lanes), hn::Mul(rest2, hn::Mul(g, g)));
    const auto step = hn::Div(hn::Mul(rate, m1), hn::MulAdd(hn::Sqrt(v1), root_scale, eps));
    store(d, m1, m_out + i, lanes);
    store(d, v1, v_out + i, lanes);
    store(d, hn::Sub(hn::Mul(kept, load(d, p + i, lanes)), step), p_out + i, lanes);
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
