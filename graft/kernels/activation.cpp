#include "graft/kernels/activation.h"

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/activation.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/activation-inl.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

template <class Act, class T>
void activation_of(const T* gate, const T* up, T* out, int64_t begin, int64_t end) {
  const FloatTag d;
  if (up == nullptr) {
    for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
      const auto g = load(d, gate + i, lanes);
      store(d, hn::Mul(g, Act::factor(d, g)), out + i, lanes);
    });
    return;
  }
  for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
    const auto g = load(d, gate + i, lanes);
    const auto u = load(d, up + i, lanes);
    store(d, hn::Mul(hn::Mul(g, Act::factor(d, g)), u), out + i, lanes);
  });
}

void activation_range(Activation kind, ScalarType type, const void* gate, const void* up, void* out,
                      int64_t begin, int64_t end) {
  with_activation(kind, [=](auto act) HWY_ATTR {
    with_type(type, [=](auto tag) HWY_ATTR {
      using T = decltype(tag);
      activation_of<decltype(act)>(static_cast<const T*>(gate), static_cast<const T*>(up),
                                   static_cast<T*>(out), begin, end);
    });
  });
}

// For y = act(g) u = g f(g) u:  du = dy f g,  dg = dy u act'(g) = dy f u slope.
template <class Act, class T>
void activation_backward_of(const T* gate, const T* up, const T* d_out, T* d_gate, T* d_up,
                            int64_t begin, int64_t end) {
  const FloatTag d;
  if (up == nullptr) {
    for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
      const auto act = Act::factor_and_slope(d, load(d, gate + i, lanes));
      const auto dy_f = hn::Mul(load(d, d_out + i, lanes), act.factor);
      store(d, hn::Mul(dy_f, act.slope), d_gate + i, lanes);
    });
    return;
  }
  for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
    const auto g = load(d, gate + i, lanes);
    const auto u = load(d, up + i, lanes);
    const auto act = Act::factor_and_slope(d, g);
    const auto dy_f = hn::Mul(load(d, d_out + i, lanes), act.factor);
    store(d, hn::Mul(dy_f, g), d_up + i, lanes);
    store(d, hn::Mul(hn::Mul(dy_f, u), act.slope), d_gate + i, lanes);
  });
}

void activation_backward_range(Activation kind, ScalarType type, const void* gate, const void* up,
                               const void* d_out, void* d_gate, void* d_up, int64_t begin,
                               int64_t end) {
  with_activation(kind, [=](auto act) HWY_ATTR {
    with_type(type, [=](auto tag) HWY_ATTR {
      using T = decltype(tag);
      activation_backward_of<decltype(act)>(static_cast<const T*>(gate), static_cast<const T*>(up),
                                            static_cast<const T*>(d_out), static_cast<T*>(d_gate),
                                            static_cast<T*>(d_up), begin, end);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(activation_range);
HWY_EXPORT(activation_backward_range);

namespace {
constexpr int64_t kGrain = 1 << 14;  // elements that are worth a thread
}

void activation(Activation kind, int64_t count, ScalarType type, const void* gate, const void* up,
                void* out) {
  auto range = GRAFT_DISPATCH(activation_range);
  parallel_ranges(count, kGrain, [=](int64_t begin, int64_t end) {
    range(kind, type, gate, up, out, begin, end);
  });
}

void activation_backward(Activation kind, int64_t count, ScalarType type, const void* gate,
                         const void* up, const void* d_out, void* d_gate, void* d_up) {
  auto range = GRAFT_DISPATCH(activation_backward_range);
  parallel_ranges(count, kGrain, [=](int64_t begin, int64_t end) {
    range(kind, type, gate, up, d_out, d_gate, d_up, begin, end);
  });
}

}  // namespace graft::kernels
#endif
