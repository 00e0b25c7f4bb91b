// Dequantization of a row, 32 columns at a time. Included once per instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_QUANTIZED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_QUANTIZED_INL_H_
#undef GRAFT_KERNELS_QUANTIZED_INL_H_
#else
#define GRAFT_KERNELS_QUANTIZED_INL_H_
#endif

#include <algorithm>
#include <bit>
#include <type_traits>

#include "graft/kernels/small_floats-inl.h"
#include "graft/kernels/unpack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// Scale and bias of one group, and what can be precomputed for its dequantization.
template <int kBits, class Out>
struct ScaledGroup {
  hn::Vec<FloatTag> scale, bias;

  HWY_INLINE ScaledGroup(float s, float b)
      : scale(hn::Set(FloatTag(), s)), bias(hn::Set(FloatTag(), b)) {}

  /// Dequantizes the kChunk values at `packed`.
  HWY_INLINE void write(Packed<kBits> packed, Out* HWY_RESTRICT out) const {
    const FloatTag d;
    const hn::Rebind<uint8_t, FloatTag> d8;
    const hn::RebindToSigned<FloatTag> di;
    alignas(64) uint8_t unpacked[kChunk];
    const uint8_t* values = packed.at;
    if constexpr (kBits != 8) {
      unpack<kBits>(packed, unpacked);
      values = unpacked;
    }
    for (size_t i = 0; i < kChunk; i += hn::Lanes(d)) {
      const auto q = hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, values + i)));
      store(d, hn::MulAdd(q, scale, bias), out + i);
    }
  }
};

#if HWY_TARGET != HWY_SCALAR
/// Four bits to a 16-bit type: the sixteen possible numbers are computed and rounded once per
/// group, then looked up. Scale and bias must be finite.
template <class Out>
struct NibbleTable {
#if HWY_TARGET <= HWY_AVX3
  __m512i table;  // the sixteen, twice

  HWY_INLINE NibbleTable(float s, float b) {
    const FloatTag d;
    const auto numbers = hn::MulAdd(hn::Iota(d, 0.0f), hn::Set(d, s), hn::Set(d, b));
    if constexpr (std::is_same_v<Out, bf16_t>) {
      table = upper_halves(rounded_bf16_bits(numbers.raw));
    } else {
      table = _mm512_broadcast_i64x4(narrow_f16(d, numbers).raw);
    }
  }

  HWY_INLINE void write(Packed<4> packed, Out* HWY_RESTRICT out) const {
    // A byte's low nibble indexes an even column, its high one the odd column after it. Only the
    // low five bits of an index count, and the fifth does not matter, because the table holds the
    // numbers twice.
    const __m512i bytes =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(packed.at)));
    const __m512i indices = _mm512_or_si512(bytes, _mm512_slli_epi32(bytes, 12));
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(indices, table));
  }
#else
  hn::Vec<hn::Full128<uint8_t>> low_bytes, high_bytes;

  HWY_INLINE NibbleTable(float s, float b) {
    const FloatTag d;
    const hn::Full128<uint8_t> d8;
    alignas(32) Out numbers[16];
    for (size_t i = 0; i < 16; i += hn::Lanes(d)) {
      const auto q = hn::Iota(d, static_cast<float>(i));
      store(d, hn::MulAdd(q, hn::Set(d, s), hn::Set(d, b)), numbers + i);
    }
    const auto first = hn::LoadU(d8, reinterpret_cast<const uint8_t*>(numbers));
    const auto second = hn::LoadU(d8, reinterpret_cast<const uint8_t*>(numbers + 8));
    low_bytes = hn::ConcatEven(d8, second, first);
    high_bytes = hn::ConcatOdd(d8, second, first);
  }

  HWY_INLINE void write(Packed<4> packed, Out* HWY_RESTRICT out) const {
    const hn::Full128<uint8_t> d8;
    alignas(32) uint8_t indices[kChunk];
    unpack<4>(packed, indices);
    uint8_t* bytes = reinterpret_cast<uint8_t*>(out);
    for (int i = 0; i < 2; ++i) {
      const auto index = hn::Load(d8, indices + 16 * i);
      const auto low = hn::TableLookupBytes(low_bytes, index);
      const auto high = hn::TableLookupBytes(high_bytes, index);
      hn::StoreU(hn::InterleaveLower(d8, low, high), d8, bytes + 32 * i);
      hn::StoreU(hn::InterleaveUpper(d8, low, high), d8, bytes + 32 * i + 16);
    }
  }
#endif
};

template <int kBits, class Out>
using Group =
    std::conditional_t<kBits == 4 && sizeof(Out) == 2, NibbleTable<Out>, ScaledGroup<kBits, Out>>;
#else
template <int kBits, class Out>
using Group = ScaledGroup<kBits, Out>;
#endif

/// Calls keep(i, scales, biases), in mode affine, with the f32 vectors of groups [first + i, ...),
/// one whole vector after another until [first, first + count) is covered; lanes beyond that are
/// zero.
template <class Keep>
HWY_INLINE void for_group_numbers(const QuantizedMatrix& m, int64_t first, int64_t count,
                                  Keep&& keep) {
  const FloatTag d;
  const int64_t step = static_cast<int64_t>(hn::Lanes(d));
  const int64_t after = m.rows * (m.columns / m.group_size) - first;  // groups from `first` on
  with_type(m.scale_type, [&](auto tag) HWY_ATTR {
    using S = decltype(tag);
    const S* scales = static_cast<const S*>(m.scales) + first;
    const S* biases = static_cast<const S*>(m.biases) + first;
    int64_t i = 0;
    for (; i + step <= count; i += step) keep(i, load(d, scales + i), load(d, biases + i));
    // Loading part of a vector is slow: if enough groups follow, a whole vector is loaded.
    if (i < count && i + step <= after) {
      const auto wanted = hn::FirstN(d, static_cast<size_t>(count - i));
      keep(i, hn::IfThenElseZero(wanted, load(d, scales + i)),
           hn::IfThenElseZero(wanted, load(d, biases + i)));
    } else if (i < count) {
      const Part part{static_cast<size_t>(count - i)};
      keep(i, load(d, scales + i, part), load(d, biases + i, part));
    }
  });
}

/// Scales and biases in f32 of consecutive groups.
struct GroupNumbers {
  static constexpr int64_t kMost = 64;
  alignas(64) float scales[kMost];
  alignas(64) float biases[kMost];
  bool finite;

  /// Loads those of groups [first, first + count), count <= kMost.
  HWY_INLINE void load(const QuantizedMatrix& m, int64_t first, int64_t count) {
    const FloatTag d;
    const hn::RebindToUnsigned<FloatTag> du;
    auto largest = hn::Zero(du);
    for_group_numbers(m, first, count, [&](int64_t i, FloatVec s, FloatVec b) HWY_ATTR {
      largest = hn::Max(largest, hn::BitCast(du, hn::Abs(s)));
      largest = hn::Max(largest, hn::BitCast(du, hn::Abs(b)));
      hn::Store(s, d, scales + i);
      hn::Store(b, d, biases + i);
    });
    finite = hn::AllTrue(du, hn::Lt(largest, hn::Set(du, 0x7f800000u)));
  }
};

/// Dequantizes columns [begin, end) of a row, both multiples of kChunk.
template <int kBits, class Out>
HWY_INLINE void dequantize_integers(const QuantizedMatrix& m, int64_t row, int64_t begin,
                                    int64_t end, Out* HWY_RESTRICT out) {
  const int shift = std::countr_zero(static_cast<unsigned>(m.group_size));
  const int64_t first_group = row * (m.columns >> shift);
  Packed<kBits> packed(m, row, begin);
  int64_t column = begin;
  while (column < end) {
    const int64_t group = column >> shift;
    const int64_t count =
        std::min(GroupNumbers::kMost, ((end + m.group_size - 1) >> shift) - group);
    GroupNumbers numbers;
    numbers.load(m, first_group + group, count);
    const auto write = [&](auto maker) HWY_ATTR {
      for (int64_t i = 0; i < count; ++i) {
        const typename decltype(maker)::type prepared(numbers.scales[i], numbers.biases[i]);
        const int64_t group_end = std::min(end, (group + i + 1) << shift);
        for (; column < group_end; column += kChunk) {
          prepared.write(packed, out);
          packed.advance();
          out += kChunk;
        }
      }
    };
    if (numbers.finite) {
      write(std::type_identity<Group<kBits, Out>>());
    } else {
      write(std::type_identity<ScaledGroup<kBits, Out>>());
    }
  }
}

/// Dequantizes columns [begin, end) of a row, both multiples of kChunk unless `end` is the last, in
/// f32, rounded once to Out.
template <class Values, class Out>
HWY_INLINE void dequantize_columns(const QuantizedMatrix& m, int64_t row, int64_t begin,
                                   int64_t end, Out* HWY_RESTRICT out) {
  if constexpr (Values::kBiased) {
    dequantize_integers<Values::kBits>(m, row, begin, end, out);
  } else {
    dequantize_small_floats<Values>(m, row, begin, end, out);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
