#include "graft/kernels/convert.h"

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/convert.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void convert_range(ScalarType in_type, const void* in, ScalarType out_type, void* out,
                   int64_t begin, int64_t end) {
  with_type(in_type, [=](auto in_tag) HWY_ATTR {
    using In = decltype(in_tag);
    with_type(out_type, [=](auto out_tag) HWY_ATTR {
      using Out = decltype(out_tag);
      const FloatTag d;
      const In* source = static_cast<const In*>(in);
      Out* target = static_cast<Out*>(out);
      for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
        store(d, load(d, source + i, lanes), target + i, lanes);
      });
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(convert_range);

void convert(ScalarType in_type, const void* in, ScalarType out_type, void* out, int64_t count) {
  constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread
  if (in_type == out_type) {
    if (in != out && count > 0) std::memcpy(out, in, static_cast<size_t>(count) * size_of(in_type));
    return;
  }
  auto range = GRAFT_DISPATCH(convert_range);
  parallel_ranges(count, kGrain, [=](int64_t begin, int64_t end) {
    range(in_type, in, out_type, out, begin, end);
  });
}

}  // namespace graft::kernels
#endif
