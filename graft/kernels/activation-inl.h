// The activations on f32 vectors, each as act(x) = x f(x) and act'(x) = f(x) slope(x): f lies in
// [0, 1] and is near 1/2 around 0, so that small x keep their relative precision. Included once per
// instruction set, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_ACTIVATION_INL_H_
#undef GRAFT_KERNELS_ACTIVATION_INL_H_
#else
#define GRAFT_KERNELS_ACTIVATION_INL_H_
#endif

#include "graft/base/activation.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// act(x) = x * factor, act'(x) = factor * slope.
template <class D>
struct FactorAndSlope {
  hn::Vec<D> factor, slope;
};

/// f is the sigmoid s. As s' = s (1 - s), the slope is 1 + x (1 - s).
struct Silu {
  template <class D>
  static HWY_INLINE hn::Vec<D> factor(D d, hn::Vec<D> x) {
    return sigmoid(d, x);
  }

  template <class D>
  static HWY_INLINE FactorAndSlope<D> factor_and_slope(D d, hn::Vec<D> x) {
    const auto one = hn::Set(d, 1.0f);
    const auto s = sigmoid(d, x);
    return {s, hn::MulAdd(x, hn::Sub(one, s), one)};
  }
};

/// f = (1 + tanh(y / 2)) / 2 = sigmoid(y) with y = a x + b x^3, so the slope is
/// 1 + x (1 - f) (a + 3 b x^2).
struct GeluTanh {
  static constexpr float kA = 1.5957691216057308f;    // 2 sqrt(2 / pi)
  static constexpr float kB = 0.071354816272600242f;  // 0.044715 kA

  template <class D>
  static HWY_INLINE hn::Vec<D> factor(D d, hn::Vec<D> x) {
    const auto v = held(d, x);
    const auto a_bv2 = hn::MulAdd(hn::Mul(v, v), hn::Set(d, kB), hn::Set(d, kA));
    return sigmoid(d, hn::Mul(v, a_bv2));
  }

  template <class D>
  static HWY_INLINE FactorAndSlope<D> factor_and_slope(D d, hn::Vec<D> x) {
    const auto one = hn::Set(d, 1.0f);
    const auto v = held(d, x);
    const auto bv2 = hn::Mul(hn::Mul(v, v), hn::Set(d, kB));
    const auto a_bv2 = hn::Add(bv2, hn::Set(d, kA));
    const auto y = hn::Mul(v, a_bv2);
    // Computes f and 1 - f from e^-|y|: a difference from 1 would cancel, and dy/dx magnifies that.
    const auto e = exp(d, hn::Neg(hn::Abs(y)));
    const auto larger = reciprocal_of_large(d, hn::Add(one, e));
    const auto smaller = hn::Mul(e, larger);
    const auto negative = hn::Lt(y, hn::Zero(d));
    const auto f = hn::IfThenElse(negative, smaller, larger);
    const auto one_f = hn::IfThenElse(negative, larger, smaller);
    const auto dy = hn::MulAdd(hn::Set(d, 2.0f), bv2, a_bv2);
    return {f, hn::MulAdd(hn::Mul(v, one_f), dy, one)};
  }

 private:
  // Beyond 12, f is 0 or 1 in f32; clamping x there keeps the powers from overflowing.
  template <class D>
  static HWY_INLINE hn::Vec<D> held(D d, hn::Vec<D> x) {
    return clamp(d, x, -12.0f, 12.0f);
  }
};

/// f is the distribution function of the standard normal distribution, P, with P' = p its density:
/// the slope is 1 + x p / P. P(-z) for z >= 0 is e^(-z^2 / 2) r(z), and P(z) is 1 - P(-z): no
/// cancellation on either side.
struct Gelu {
  template <class D>
  static HWY_INLINE hn::Vec<D> factor(D d, hn::Vec<D> x) {
    const auto v = held(d, x);
    const auto tail = hn::Mul(bell(d, v), tail_ratio(d, hn::Abs(v)));
    return hn::IfThenElse(hn::Lt(v, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0f), tail));
  }

  template <class D>
  static HWY_INLINE FactorAndSlope<D> factor_and_slope(D d, hn::Vec<D> x) {
    const auto one = hn::Set(d, 1.0f);
    const auto v = held(d, x);
    const auto e = bell(d, v);
    const auto r = tail_ratio(d, hn::Abs(v));
    const auto tail = hn::Mul(e, r);
    const auto negative = hn::Lt(v, hn::Zero(d));
    const auto factor = hn::IfThenElse(negative, tail, hn::Sub(one, tail));
    // p / P; below zero e^(-z^2 / 2) cancels out, which leaves no 0 / 0.
    const auto scale = hn::Set(d, 0.39894228040143268f);  // 1 / sqrt(2 pi)
    const auto ratio = hn::Div(hn::IfThenElse(negative, scale, hn::Mul(scale, e)),
                               hn::IfThenElse(negative, r, factor));
    return {factor, hn::MulAdd(v, ratio, one)};
  }

 private:
  // Beyond 15, f is 0 or 1 in f32; clamping x there keeps the square from overflowing.
  template <class D>
  static HWY_INLINE hn::Vec<D> held(D d, hn::Vec<D> x) {
    return clamp(d, x, -15.0f, 15.0f);
  }

  // e^(-x^2 / 2)
  template <class D>
  static HWY_INLINE hn::Vec<D> bell(D d, hn::Vec<D> x) {
    return exp(d, hn::Mul(hn::Mul(x, x), hn::Set(d, -0.5f)));
  }

  // P(-z) e^(z^2 / 2) for z in [0, 15] with a relative error below 4e-7: t times the minimax
  // polynomial of degree 8 in t = 1 / (1 + 0.35 z), with the largest relative error 3.2e-8
  // (iteratively reweighted least squares; 0.35 is the best on a grid with step 0.01).
  template <class D>
  static HWY_INLINE hn::Vec<D> tail_ratio(D d, hn::Vec<D> z) {
    const auto one = hn::Set(d, 1.0f);
    const auto t = reciprocal_of_large(d, hn::MulAdd(z, hn::Set(d, 0.35f), one));
    auto p = hn::Set(d, -2.9163932145e-2f);
    p = hn::MulAdd(p, t, hn::Set(d, 1.4406083835e-1f));
    p = hn::MulAdd(p, t, hn::Set(d, -2.5590195090e-1f));
    p = hn::MulAdd(p, t, hn::Set(d, 1.5939302053e-1f));
    p = hn::MulAdd(p, t, hn::Set(d, -2.3263901726e-2f));
    p = hn::MulAdd(p, t, hn::Set(d, 1.0557482890e-1f));
    p = hn::MulAdd(p, t, hn::Set(d, 1.1981549056e-1f));
    p = hn::MulAdd(p, t, hn::Set(d, 1.3986433444e-1f));
    p = hn::MulAdd(p, t, hn::Set(d, 1.3962125598e-1f));
    return hn::Mul(p, t);
  }
};

/// Calls body with the struct above that `kind` names. The body is a generic lambda marked
/// HWY_ATTR.
template <class Body>
HWY_INLINE void with_activation(Activation kind, Body&& body) {
  switch (kind) {
    case Activation::silu:
      return body(Silu{});
    case Activation::gelu_tanh:
      return body(GeluTanh{});
    case Activation::gelu:
      return body(Gelu{});
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
