#include "graft/kernels/adam8.h"

#include <algorithm>

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/adam8.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/adam-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

template <class Lanes>
HWY_INLINE FloatVec decode(const DynamicMap& map, const uint8_t* codes, float largest,
                           Lanes lanes) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  const hn::Rebind<uint8_t, FloatTag> d8;
  const auto index = hn::PromoteTo(di, load_lanes(d8, codes, lanes));
  return hn::Mul(hn::GatherIndex(d, map.values.data(), index), hn::Set(d, largest));
}

// The codes of `count` numbers of a block. The index is cut to the map's size, as that of a NaN is
// any number.
HWY_INLINE void encode(const DynamicMap& map, const float* x, int64_t count, float largest,
                       uint8_t* codes) {
  if (largest == 0) {
    std::fill_n(codes, count, uint8_t{0});
    return;
  }
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  const auto reciprocal = hn::Set(d, 1.0f / largest);
  const auto one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f), steps = hn::Set(d, 65535.0f);
  HWY_ALIGN int32_t index[DynamicMap::kBlock];
  for_vectors(hn::Lanes(d), 0, count, [=, &index](int64_t i, auto lanes) HWY_ATTR {
    const auto y = clamp(d, hn::Mul(load(d, x + i, lanes), reciprocal), -1.0f, 1.0f);
    const auto step = hn::MulAdd(hn::Mul(hn::Add(y, one), half), steps, half);
    store_lanes(di, hn::ConvertTo(di, step), index + i, lanes);
  });
  for (int64_t i = 0; i < count; ++i) {
    codes[i] = map.codes[static_cast<uint32_t>(index[i]) % DynamicMap::kSteps];
  }
}

void adam8_range(const AdamOptions& options, const float* gradient, const float* p, CodedInput m,
                 CodedInput v, float* p_out, CodedOutput m_out, CodedOutput v_out, int64_t begin,
                 int64_t end) {
  const FloatTag d;
  const AdamRule rule(options);
  const DynamicMap &m_map = signed_map(), &v_map = unsigned_map();
  HWY_ALIGN float fresh_m[DynamicMap::kBlock];
  HWY_ALIGN float fresh_v[DynamicMap::kBlock];
  for (int64_t first = begin; first < end; first += DynamicMap::kBlock) {
    const int64_t block = first / DynamicMap::kBlock;
    const int64_t last = std::min(end, first + DynamicMap::kBlock);
    const float old_m = m.largest[block], old_v = v.largest[block];
    auto largest_m = hn::Zero(d), largest_v = hn::Zero(d);
    for_vectors(hn::Lanes(d), first, last, [&](int64_t i, auto lanes) HWY_ATTR {
      const AdamVectors next =
          rule(load(d, gradient + i, lanes),
               {load(d, p + i, lanes), decode(m_map, m.codes + i, old_m, lanes),
                decode(v_map, v.codes + i, old_v, lanes)});
      store(d, next.p, p_out + i, lanes);
      store(d, next.m, fresh_m + (i - first), lanes);
      store(d, next.v, fresh_v + (i - first), lanes);
      const auto zero = hn::Zero(d);  // beyond a part, codes 0 were decoded
      largest_m = hn::Max(keep(d, hn::Abs(next.m), zero, lanes), largest_m);
      largest_v = hn::Max(keep(d, next.v, zero, lanes), largest_v);
    });
    m_out.largest[block] = max_of(d, largest_m);
    v_out.largest[block] = max_of(d, largest_v);
    encode(m_map, fresh_m, last - first, m_out.largest[block], m_out.codes + first);
    encode(v_map, fresh_v, last - first, v_out.largest[block], v_out.codes + first);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(adam8_range);

void adam8_update(const AdamOptions& options, int64_t count, const float* gradient, const float* p,
                  CodedInput m, CodedInput v, float* p_out, CodedOutput m_out, CodedOutput v_out) {
  constexpr int64_t kGrain = 1 << 13;  // parameters that are worth a thread
  auto range = GRAFT_DISPATCH(adam8_range);
  parallel_ranges(
      count, kGrain,
      [&](int64_t begin, int64_t end) {
        range(options, gradient, p, m, v, p_out, m_out, v_out, begin, end);
      },
      DynamicMap::kBlock);
}

}  // namespace graft::kernels
#endif
