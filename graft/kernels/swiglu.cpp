#include "graft/kernels/swiglu.h"

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/swiglu.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void swiglu_range(ScalarType type, const void* gate, const void* up, void* out, int64_t begin,
                  int64_t end) {
  with_type(type, [=](auto tag) HWY_ATTR {
    using T = decltype(tag);
    const FloatTag d;
    const T* gates = static_cast<const T*>(gate);
    const T* ups = static_cast<const T*>(up);
    T* outs = static_cast<T*>(out);
    for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
      const auto g = load(d, gates + i, lanes);
      const auto u = load(d, ups + i, lanes);
      store(d, hn::Mul(hn::Mul(g, sigmoid(d, g)), u), outs + i, lanes);
    });
  });
}

// With s = 1 / (1 + e^-g):  ds/dg = s (1 - s), so for y = g s u
//   du = dy g s,  dg = dy u (s + g s (1 - s)) = dy u s (1 + g (1 - s)).
void swiglu_backward_range(ScalarType type, const void* gate, const void* up, const void* d_out,
                           void* d_gate, void* d_up, int64_t begin, int64_t end) {
  with_type(type, [=](auto tag) HWY_ATTR {
    using T = decltype(tag);
    const FloatTag d;
    const T* gates = static_cast<const T*>(gate);
    const T* ups = static_cast<const T*>(up);
    const T* d_outs = static_cast<const T*>(d_out);
    T* d_gates = static_cast<T*>(d_gate);
    T* d_ups = static_cast<T*>(d_up);
    const auto one = hn::Set(d, 1.0f);
    for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
      const auto g = load(d, gates + i, lanes);
      const auto u = load(d, ups + i, lanes);
      const auto dy = load(d, d_outs + i, lanes);
      const auto s = sigmoid(d, g);
      const auto dy_s = hn::Mul(dy, s);
      const auto slope = hn::MulAdd(g, hn::Sub(one, s), one);
      store(d, hn::Mul(dy_s, g), d_ups + i, lanes);
      store(d, hn::Mul(hn::Mul(dy_s, u), slope), d_gates + i, lanes);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(swiglu_range);
HWY_EXPORT(swiglu_backward_range);

namespace {
constexpr int64_t kGrain = 1 << 14;  // elements that are worth a thread
}

void swiglu(int64_t count, ScalarType type, const void* gate, const void* up, void* out) {
  auto range = GRAFT_DISPATCH(swiglu_range);
  parallel_ranges(count, kGrain,
                  [=](int64_t begin, int64_t end) { range(type, gate, up, out, begin, end); });
}

void swiglu_backward(int64_t count, ScalarType type, const void* gate, const void* up,
                     const void* d_out, void* d_gate, void* d_up) {
  auto range = GRAFT_DISPATCH(swiglu_backward_range);
  parallel_ranges(count, kGrain, [=](int64_t begin, int64_t end) {
    range(type, gate, up, d_out, d_gate, d_up, begin, end);
  });
}

}  // namespace graft::kernels
#endif
