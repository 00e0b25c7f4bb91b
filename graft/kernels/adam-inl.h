// One vector of Adam's step, for parameters whose moving averages are f32 or 8-bit codes. Included
// once per instruction set, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_ADAM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_ADAM_INL_H_
#undef GRAFT_KERNELS_ADAM_INL_H_
#else
#define GRAFT_KERNELS_ADAM_INL_H_
#endif

#include <cmath>

#include "graft/kernels/adam.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

struct AdamVectors {
  FloatVec p, m, v;
};

class AdamRule {
 public:
  explicit AdamRule(const AdamOptions& o)
      : beta1_(hn::Set(FloatTag(), static_cast<float>(o.beta1))),
        beta2_(hn::Set(FloatTag(), static_cast<float>(o.beta2))),
        rest1_(hn::Set(FloatTag(), static_cast<float>(1 - o.beta1))),
        rest2_(hn::Set(FloatTag(), static_cast<float>(1 - o.beta2))),
        eps_(hn::Set(FloatTag(), o.eps)),
        rate_(hn::Set(FloatTag(), o.learning_rate / o.bias_correction1)),
        root_scale_(hn::Set(FloatTag(), 1.0f / std::sqrt(o.bias_correction2))),
        kept_(hn::Set(FloatTag(), 1.0f - o.learning_rate * o.weight_decay)) {}

  HWY_INLINE AdamVectors operator()(FloatVec g, const AdamVectors& old) const {
    const auto m = hn::MulAdd(beta1_, old.m, hn::Mul(rest1_, g));
    const auto v = hn::MulAdd(beta2_, old.v, hn::Mul(rest2_, hn::Mul(g, g)));
    const auto step = hn::Div(hn::Mul(rate_, m), hn::MulAdd(hn::Sqrt(v), root_scale_, eps_));
    return {hn::Sub(hn::Mul(kept_, old.p), step), m, v};
  }

 private:
  FloatVec beta1_, beta2_, rest1_, rest2_, eps_, rate_, root_scale_, kept_;
};

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
