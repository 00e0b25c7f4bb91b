#include "graft/kernels/dropout.h"

#include <algorithm>

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/dropout.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

template <class V>
HWY_INLINE V mixed(hn::DFromV<V> d, V x) {
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), hn::Set(d, 0x7feb352du));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<15>(x)), hn::Set(d, 0x846ca68bu));
  return hn::Xor(x, hn::ShiftRight<16>(x));
}

template <class T>
void drop_rows(int64_t width, const T* x, const uint32_t* row_ids, uint64_t key, uint32_t threshold,
               float scale, T* out, int64_t begin, int64_t end) {
  const FloatTag d;
  const hn::RebindToUnsigned<FloatTag> du;
  const auto least = hn::Set(du, threshold);
  const auto column_step = hn::Set(du, kDropoutColumn);
  const auto factor = hn::Set(d, scale);
  for (int64_t row = begin; row < end; ++row) {
    const auto bits_of_row = hn::Set(du, dropout_row(row_ids[row], key));
    const T* from = x + row * width;
    T* to = out + row * width;
    for_vectors(hn::Lanes(d), 0, width, [=](int64_t i, auto lanes) HWY_ATTR {
      const auto columns = hn::Iota(du, static_cast<uint32_t>(i));
      const auto bits = mixed(du, hn::Xor(bits_of_row, hn::Mul(columns, column_step)));
      const auto dropped = hn::RebindMask(d, hn::Lt(bits, least));
      store(d, hn::IfThenZeroElse(dropped, hn::Mul(load(d, from + i, lanes), factor)), to + i,
            lanes);
    });
  }
}

void dropout_range(ScalarType type, int64_t width, const void* x, const uint32_t* row_ids,
                   uint64_t key, uint32_t threshold, float scale, void* out, int64_t begin,
                   int64_t end) {
  with_type(type, [=](auto tag) HWY_ATTR {
    using T = decltype(tag);
    drop_rows(width, static_cast<const T*>(x), row_ids, key, threshold, scale, static_cast<T*>(out),
              begin, end);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(dropout_range);

namespace {
constexpr int64_t kGrain = 1 << 14;  // elements that are worth a thread
}

void dropout(ScalarType type, int64_t rows, int64_t width, const void* x, const uint32_t* row_ids,
             uint64_t key, uint32_t threshold, float scale, void* out) {
  auto range = GRAFT_DISPATCH(dropout_range);
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(width, 1));
  parallel_ranges(rows, grain, [=](int64_t begin, int64_t end) {
    range(type, width, x, row_ids, key, threshold, scale, out, begin, end);
  });
}

}  // namespace graft::kernels
#endif
