#include "graft/kernels/sgd.h"

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/sgd.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void sgd_range(const SgdOptions& options, const float* gradient, const float* p, const float* v,
               float* p_out, float* v_out, int64_t begin, int64_t end) {
  const FloatTag d;
  const auto rate = hn::Set(d, options.learning_rate);
  const auto decay = hn::Set(d, options.weight_decay);
  const auto momentum = hn::Set(d, options.momentum);
  const auto fresh = hn::Set(d, options.fresh);
  const bool nesterov = options.nesterov;
  for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
    const auto old = load(d, p + i, lanes);
    const auto g = hn::MulAdd(decay, old, load(d, gradient + i, lanes));
    auto step = g;
    if (v != nullptr) {
      const auto v1 = hn::MulAdd(momentum, load(d, v + i, lanes), hn::Mul(fresh, g));
      store(d, v1, v_out + i, lanes);
      step = nesterov ? hn::MulAdd(momentum, v1, g) : v1;
    }
    store(d, hn::NegMulAdd(rate, step, old), p_out + i, lanes);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(sgd_range);

void sgd_update(const SgdOptions& options, int64_t count, const float* gradient, const float* p,
                const float* v, float* p_out, float* v_out) {
  constexpr int64_t kGrain = 1 << 14;  // parameters that are worth a thread
  auto range = GRAFT_DISPATCH(sgd_range);
  parallel_ranges(count, kGrain, [&](int64_t begin, int64_t end) {
    range(options, gradient, p, v, p_out, v_out, begin, end);
  });
}

}  // namespace graft::kernels
#endif
