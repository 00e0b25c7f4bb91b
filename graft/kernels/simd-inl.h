// What the vector code of every kernel shares: loads and stores of f32 vectors from and to any
// storage type, with tails; exp, sigmoid and tanh; the choice of the storage type. Included once
// per instruction set, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_SIMD_INL_H_
#undef GRAFT_KERNELS_SIMD_INL_H_
#else
#define GRAFT_KERNELS_SIMD_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "graft/kernels/convert.h"
#include "graft/kernels/dispatch.h"
#include "graft/kernels/scalar_type.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;

/// A whole vector is loaded or stored.
struct Whole {};

/// The first `count` lanes are loaded or stored, 0 < count <= lanes; a load sets the others to
/// zero.
struct Part {
  size_t count;
};

// ---- one vector of raw lanes, possibly in part. Nothing beyond the part is touched.

template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_lanes(D d, const T* p, Whole) {
  return hn::LoadU(d, p);
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_lanes(D d, const T* p, Part part) {
#if HWY_TARGET <= HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, part.count), d, p);
#else
  HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(T)] = {};
  std::memcpy(buffer, p, part.count * sizeof(T));
  return hn::Load(d, buffer);
#endif
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(D d, hn::Vec<D> v, T* p, Whole) {
  hn::StoreU(v, d, p);
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(D d, hn::Vec<D> v, T* p, Part part) {
#if HWY_TARGET <= HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, part.count), d, p);
#else
  HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, d, buffer);
  std::memcpy(p, buffer, part.count * sizeof(T));
#endif
}

// ---- conversions between f32 lanes and 16-bit patterns; the same bits as graft/kernels/convert.h.

template <class D>
using Bits16 = hn::Vec<hn::Rebind<uint16_t, D>>;

template <class D>
HWY_INLINE hn::Vec<D> widen_bf16(D d, Bits16<D> bits) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, bits)));
}

// The low 16 bits of each lane; the high ones are zero.
template <class D>
HWY_INLINE Bits16<D> narrow_bits(D, hn::Vec<hn::RebindToUnsigned<D>> bits) {
  const hn::Rebind<uint16_t, D> d16;
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_SCALAR
  return hn::TruncateTo(d16, bits);
#else
  const hn::RebindToSigned<D> di;
  return hn::DemoteTo(d16, hn::BitCast(di, bits));
#endif
}

template <class D>
HWY_INLINE Bits16<D> narrow_bf16(D d, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7fffu)), odd);
  const auto quiet = hn::Or(bits, hn::Set(du, 0x00400000u));
  // Not Ne(v, v): on some targets that is false for a NaN.
  const auto result = hn::IfThenElse(hn::RebindMask(du, hn::Eq(v, v)), rounded, quiet);
  return narrow_bits(d, hn::ShiftRight<16>(result));
}

#if HWY_TARGET <= HWY_AVX3
// Rounds lanes that are not NaN to bf16; the results are the upper halves of the lanes.
HWY_INLINE __m512i rounded_bf16_bits(__m512 v) {
  const __m512i bits = _mm512_castps_si512(v);
  const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
  const __m512i half =
      _mm512_mask_mov_epi32(_mm512_set1_epi32(0x7fff), odd, _mm512_set1_epi32(0x8000));
  return _mm512_add_epi32(bits, half);
}

// The upper halves of the lanes, twice.
HWY_INLINE __m512i upper_halves(__m512i bits) {
  alignas(64) static constexpr uint16_t kOdd[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                    23, 25, 27, 29, 31, 1,  3,  5,  7,  9,  11,
                                                    13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOdd), bits);
}

HWY_INLINE Bits16<hn::Full512<float>> narrow_bf16(hn::Full512<float>,
                                                  hn::Vec<hn::Full512<float>> v) {
  const __mmask16 nan = _mm512_cmp_ps_mask(v.raw, v.raw, _CMP_UNORD_Q);
  const __m512i bits = _mm512_mask_or_epi32(
      rounded_bf16_bits(v.raw), nan, _mm512_castps_si512(v.raw), _mm512_set1_epi32(0x00400000));
  return Bits16<hn::Full512<float>>{_mm512_castsi512_si256(upper_halves(bits))};
}
#endif

#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
// Without f16 instructions: does the same as float_from(f16_t) and f16_from. (Highway's own
// emulation truncates and does not keep infinities.)
template <class D>
HWY_INLINE hn::Vec<D> widen_f16(D d, Bits16<D> half) {
  const hn::RebindToUnsigned<D> du;
  const auto all = hn::PromoteTo(du, half);
  const auto magnitude = hn::And(all, hn::Set(du, 0x7fffu));
  const auto sign = hn::ShiftLeft<16>(hn::Xor(all, magnitude));
  const auto shifted = hn::ShiftLeft<13>(magnitude);
  const auto finite = hn::BitCast(du, hn::Mul(hn::BitCast(d, shifted), hn::Set(d, 0x1p112f)));
  const auto quiet =
      hn::IfThenElseZero(hn::Gt(magnitude, hn::Set(du, 0x7c00u)), hn::Set(du, 0x00400000u));
  const auto special = hn::Or(hn::Or(shifted, hn::Set(du, 0x7f800000u)), quiet);
  const auto is_special = hn::Gt(magnitude, hn::Set(du, 0x7bffu));
  return hn::BitCast(d, hn::Or(sign, hn::IfThenElse(is_special, special, finite)));
}

template <class D>
HWY_INLINE Bits16<D> narrow_f16(D d, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, v);
  const auto magnitude = hn::And(bits, hn::Set(du, 0x7fffffffu));
  const auto sign = hn::ShiftRight<16>(hn::Xor(bits, magnitude));
  const auto shifted = hn::ShiftRight<13>(magnitude);
  const auto nan = hn::Or(hn::Set(du, 0x7e00u), hn::And(shifted, hn::Set(du, 0x03ffu)));
  const auto special =
      hn::IfThenElse(hn::Gt(magnitude, hn::Set(du, 0x7f800000u)), nan, hn::Set(du, 0x7c00u));
  const auto denormal =
      hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(d, magnitude), hn::Set(d, 0.5f))),
              hn::Set(du, 0x3f000000u));
  const auto odd = hn::And(shifted, hn::Set(du, 1u));
  const auto normal =
      hn::ShiftRight<13>(hn::Add(hn::Sub(magnitude, hn::Set(du, 0x38000000u - 0x0fffu)), odd));
  const auto finite = hn::IfThenElse(hn::Gt(hn::Set(du, 0x38800000u), magnitude), denormal, normal);
  const auto is_special = hn::Gt(magnitude, hn::Set(du, 0x477fffffu));
  return narrow_bits(d, hn::Or(sign, hn::IfThenElse(is_special, special, finite)));
}
#else
template <class D>
HWY_INLINE hn::Vec<D> widen_f16(D d, Bits16<D> half) {
  const hn::Rebind<hwy::float16_t, D> d16;
  return hn::PromoteTo(d, hn::BitCast(d16, half));
}

template <class D>
HWY_INLINE Bits16<D> narrow_f16(D, hn::Vec<D> v) {
  const hn::Rebind<hwy::float16_t, D> d16;
  const hn::Rebind<uint16_t, D> du16;
  return hn::BitCast(du16, hn::DemoteTo(d16, v));
}
#endif

// ---- f32 vectors from and to storage

/// The f32 values of `lanes` (Whole or Part) elements at `p`; lanes beyond a part are zero.
template <class D, class Lanes = Whole>
HWY_INLINE hn::Vec<D> load(D d, const float* p, Lanes lanes = {}) {
  return load_lanes(d, p, lanes);
}

template <class D, class Lanes = Whole>
HWY_INLINE hn::Vec<D> load(D d, const bf16_t* p, Lanes lanes = {}) {
  const hn::Rebind<uint16_t, D> d16;
  return widen_bf16(d, load_lanes(d16, &p->bits, lanes));
}

template <class D, class Lanes = Whole>
HWY_INLINE hn::Vec<D> load(D d, const f16_t* p, Lanes lanes = {}) {
  const hn::Rebind<uint16_t, D> d16;
  return widen_f16(d, load_lanes(d16, &p->bits, lanes));
}

/// Rounds to nearest, ties to even.
template <class D, class Lanes = Whole>
HWY_INLINE void store(D d, hn::Vec<D> v, float* p, Lanes lanes = {}) {
  store_lanes(d, v, p, lanes);
}

template <class D, class Lanes = Whole>
HWY_INLINE void store(D d, hn::Vec<D> v, bf16_t* p, Lanes lanes = {}) {
  const hn::Rebind<uint16_t, D> d16;
  store_lanes(d16, narrow_bf16(d, v), &p->bits, lanes);
}

template <class D, class Lanes = Whole>
HWY_INLINE void store(D d, hn::Vec<D> v, f16_t* p, Lanes lanes = {}) {
  const hn::Rebind<uint16_t, D> d16;
  store_lanes(d16, narrow_f16(d, v), &p->bits, lanes);
}

/// The values as they will be read back from storage as T.
template <class T, class D>
HWY_INLINE hn::Vec<D> rounded_to(D d, hn::Vec<D> v) {
  if constexpr (sizeof(T) == 4) {
    return v;
  } else if constexpr (std::is_same_v<T, bf16_t>) {
    return widen_bf16(d, narrow_bf16(d, v));
  } else {
    return widen_f16(d, narrow_f16(d, v));
  }
}

/// Calls body(i, Whole{}) for every whole vector of `lanes` elements in [begin, end), then body(i,
/// Part{...}) for the rest. The body is a generic lambda marked HWY_ATTR.
template <class Body>
HWY_INLINE void for_vectors(size_t lanes, int64_t begin, int64_t end, Body&& body) {
  int64_t i = begin;
  const int64_t step = static_cast<int64_t>(lanes);
  for (; i + step <= end; i += step) body(i, Whole{});
  if (i < end) body(i, Part{static_cast<size_t>(end - i)});
}

/// `v` where the lane is loaded or stored, else `other`.
template <class D>
HWY_INLINE hn::Vec<D> keep(D, hn::Vec<D> v, hn::Vec<D>, Whole) {
  return v;
}
template <class D>
HWY_INLINE hn::Vec<D> keep(D d, hn::Vec<D> v, hn::Vec<D> other, Part part) {
  return hn::IfThenElse(hn::FirstN(d, part.count), v, other);
}

/// The sum of all lanes, in an order that depends on the instruction set.
template <class D>
HWY_INLINE float sum_of(D d, hn::Vec<D> v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

template <class D>
HWY_INLINE float max_of(D d, hn::Vec<D> v) {
  return hn::GetLane(hn::MaxOfLanes(d, v));
}

// ---- exp

// x * 2^n for integral n in [-151, 129], with one rounding.
template <class D>
HWY_INLINE hn::Vec<D> scale_by_power(D d, hn::Vec<D> x, hn::Vec<D> n) {
  // 2^n itself may not be a float, so this multiplies by 2^(n / 2) and the rest.
  const hn::RebindToSigned<D> di;
  const auto exponent = hn::ConvertTo(di, n);
  const auto half = hn::ShiftRight<1>(exponent);
  const auto bias = hn::Set(di, 127);
  const auto low = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const auto high = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(exponent, half), bias)));
  return hn::Mul(hn::Mul(x, low), high);
}

#if HWY_TARGET <= HWY_AVX3
HWY_INLINE hn::Vec<hn::Full512<float>> scale_by_power(hn::Full512<float>,
                                                      hn::Vec<hn::Full512<float>> x,
                                                      hn::Vec<hn::Full512<float>> n) {
  return hn::Vec<hn::Full512<float>>{_mm512_scalef_ps(x.raw, n.raw)};
}
#endif

// x clamped to [low, high]; a NaN stays a NaN.
template <class D>
HWY_INLINE hn::Vec<D> clamp(D d, hn::Vec<D> x, float low, float high) {
  const auto held = hn::Min(hn::Set(d, high), hn::Max(hn::Set(d, low), x));
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return held;  // maxps and minps return their second operand if one is NaN
#else
  return hn::IfThenElse(hn::Eq(x, x), held, x);
#endif
}

/// e^x with a relative error below 1.2e-7 (an absolute one of 2^-149 where the result is denormal):
/// 0 at -inf and below -104, inf above 88.73, NaN for NaN.
template <class D>
HWY_INLINE hn::Vec<D> exp(D d, hn::Vec<D> x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2; n ln 2 comes in two parts; the first has few bits, so that
  // its products are exact. The polynomial is the minimax polynomial (Remez) of degree 6 that is 1
  // at 0, with the largest relative error 1.5e-8.
  x = clamp(d, x, -104.0f, 89.0f);
  const auto magic = hn::Set(d, 0x1.8p23f);  // adding it rounds to an integer
  const auto n = hn::Sub(hn::MulAdd(x, hn::Set(d, 1.44269504088896341f), magic), magic);
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  auto p = hn::Set(d, 1.3517433545e-3f);
  p = hn::MulAdd(p, r, hn::Set(d, 8.3645060658e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1671931744e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666547954e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.9999985099e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
  return scale_by_power(d, p, n);
}

// 1 / y for y >= 1, to 1.5e-7; numbers with a denormal reciprocal, and inf, may give 0.
template <class D>
HWY_INLINE hn::Vec<D> reciprocal_of_large(D d, hn::Vec<D> y) {
  return hn::Div(hn::Set(d, 1.0f), y);
}

#if HWY_TARGET <= HWY_AVX3
// A division is as slow as all of exp, so this uses an estimate and one Newton step.
HWY_INLINE hn::Vec<hn::Full512<float>> reciprocal_of_large(hn::Full512<float>,
                                                           hn::Vec<hn::Full512<float>> y) {
  const __m512 estimate = _mm512_rcp14_ps(y.raw);
  const __m512 error = _mm512_fnmadd_ps(y.raw, estimate, _mm512_set1_ps(1.0f));
  // Not "less than", so that a NaN stays one.
  const __mmask16 normal = _mm512_cmp_ps_mask(y.raw, _mm512_set1_ps(0x1p126f), _CMP_NGE_UQ);
  return hn::Vec<hn::Full512<float>>{_mm512_maskz_fmadd_ps(normal, estimate, error, estimate)};
}
#endif

/// 1 / (1 + e^-x) with a relative error below 4e-7; 0 below -87.3.
template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
  return reciprocal_of_large(d, hn::Add(hn::Set(d, 1.0f), exp(d, hn::Neg(x))));
}

/// tanh(x) with a relative error below 6e-7 (4e-7 where reciprocal_of_large divides); x itself near
/// 0, never beyond -1 and 1, NaN for NaN.
template <class D>
HWY_INLINE hn::Vec<D> tanh(D d, hn::Vec<D> x) {
  // x P(x^2) / Q(x^2), minimax on [0, 9] with the largest relative error 2.2e-8 (found by moving
  // the points where it is exact). All coefficients are above 0, so nothing cancels.
  const auto held = clamp(d, x, -9.0f, 9.0f);
  const auto u = hn::Mul(held, held);
  auto p = hn::Set(d, 1.33527130195e-8f);
  p = hn::MulAdd(p, u, hn::Set(d, 2.06076794408e-5f));
  p = hn::MulAdd(p, u, hn::Set(d, 3.49550358658e-3f));
  p = hn::MulAdd(p, u, hn::Set(d, 1.33809552578e-1f));
  p = hn::MulAdd(p, u, hn::Set(d, 1.0f));
  auto q = hn::Set(d, 7.77576113504e-7f);
  q = hn::MulAdd(q, u, hn::Set(d, 3.28549588824e-4f));
  q = hn::MulAdd(q, u, hn::Set(d, 2.58766623892e-2f));
  q = hn::MulAdd(q, u, hn::Set(d, 4.67142712253e-1f));
  q = hn::MulAdd(q, u, hn::Set(d, 1.0f));
  return clamp(d, hn::Mul(hn::Mul(held, p), reciprocal_of_large(d, q)), -1.0f, 1.0f);
}

/// Calls body(T{}) with the storage type that `type` names. The body is a generic lambda marked
/// HWY_ATTR.
template <class Body>
HWY_INLINE void with_type(ScalarType type, Body&& body) {
  switch (type) {
    case ScalarType::f32:
      return body(float{});
    case ScalarType::bf16:
      return body(bf16_t{});
    case ScalarType::f16:
      return body(f16_t{});
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
