// How a group of numbers becomes integers with a scale. Included once per instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_GROUP_ROUNDING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_GROUP_ROUNDING_INL_H_
#undef GRAFT_KERNELS_GROUP_ROUNDING_INL_H_
#else
#define GRAFT_KERNELS_GROUP_ROUNDING_INL_H_
#endif

#include <cstdint>
#include <limits>

#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// A number times `factor` is its integer before it is rounded; `scale` is what one stands for.
struct GroupRounding {
  float factor;
  float scale;   ///< NaN if a number of the group is not finite
  bool matters;  ///< otherwise all integers are 0
};

/// Of `count` numbers, whole vectors of them, whose largest becomes `largest_integer`.
template <class T>
HWY_INLINE GroupRounding group_rounding(const T* x, int64_t count, float largest_integer) {
  const FloatTag d;
  auto largest = hn::Zero(d), strange = hn::Zero(d);
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto v = load(d, x + i);
    largest = hn::Max(largest, hn::Abs(v));
    strange = hn::Add(strange, hn::Sub(v, v));  // 0, or NaN if v is not finite
  }
  const float most = max_of(d, largest);
  const bool finite = sum_of(d, strange) == 0;
  // Far below this the factor would overflow, and such numbers change hardly any sum in f32.
  const bool matters = finite && most >= 0x1p-100f;
  return {matters ? largest_integer / most : 0.0f,
          finite ? most / largest_integer : std::numeric_limits<float>::quiet_NaN(), matters};
}

#if HWY_TARGET != HWY_SCALAR
/// Rounds such a group to integers. `scale` is what one stands for, `sum` the group's sum by them;
/// both are NaN if a number is not finite.
template <class T, class Integer>
HWY_INLINE void round_group(const T* x, int64_t count, float largest_integer, Integer* out,
                            float* scale, float* sum) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  const hn::Rebind<Integer, FloatTag> d_out;
  const GroupRounding rounding = group_rounding(x, count, largest_integer);
  const auto factor = hn::Set(d, rounding.factor);
  auto whole = hn::Zero(di);
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto v = rounding.matters ? load(d, x + i) : hn::Zero(d);
    const auto n = hn::NearestInt(hn::Mul(v, factor));
    whole = hn::Add(whole, n);
    hn::StoreU(hn::DemoteTo(d_out, n), d_out, out + i);
  }
  *scale = rounding.scale;
  *sum = rounding.scale * static_cast<float>(hn::GetLane(hn::SumOfLanes(di, whole)));
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
