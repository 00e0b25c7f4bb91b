// Products of a few rows of x with 4- and 8-bit weights as they are stored, with AVX-512's dot
// products of pairs of 16-bit numbers. For each row of weights w and of x, with q the stored
// values:
//
//   y = sum over groups g of  scale_g (sum over i in g of q_i x_i)  +  bias_g (sum of x_i)
//
// The numbers are bf16 (vdpbf16ps): integers up to 255, E2M1 and E4M3 are bf16 numbers, so nothing
// is rounded but the sums in f32; the latter two have no bias. Or they are integers (vpdpwssd), x
// with a scale for each group. A block of weights is turned into such numbers once for eight rows;
// its dot products stay in the lanes in which they are summed, so that a block meets its scales
// with one multiply-add. The order of a sum does not depend on the number of rows.

#include "graft/kernels/matvec_pairs.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/matvec_pairs.cpp"
#include "graft/kernels/targets.h"
//
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3
#include <immintrin.h>

#include <algorithm>
#include <bit>

#include "graft/kernels/group_rounding-inl.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/matvec-inl.h"
#include "graft/kernels/operands.h"
#include "graft/kernels/pairs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace matvec_pairs {

// The fewest words by which weights are fetched ahead of their use: 2 KB, so that a core has as
// many cache lines under way as it can.
constexpr int64_t kAhead = 512;

template <class Pairs, class Body>
HWY_INLINE void with_values_of(const QuantizedMatrix& w, Body&& body) {
  if (w.bits == 4) return has_biases(w.mode) ? body(Integers<4>()) : body(E2m1());
  if constexpr (Pairs::kScaled) {
    body(Integers<8>());
  } else {
    body(E4m3());
  }
}

HWY_INLINE __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, kLanes)) - 1);
}

PairsX sizes(const QuantizedMatrix& w) {
  const int64_t block = 512 / w.bits;
  PairsX x{};
  x.words = round_up(w.columns, block) / 2;
  x.group_step = round_up(w.columns / w.group_size, kLanes);
  return x;
}

// The pairs of a block of x in the order of the weights' bits.
template <int kBits>
HWY_INLINE void write_block(const uint16_t* x, uint32_t* out) {
  if constexpr (kBits == 4) {  // pair p of lane i: columns 8 i + p and 8 i + 4 + p
    const hn::FixedTag<uint16_t, 32> d;
    hn::Vec<decltype(d)> v[4];
    hn::LoadInterleaved4(d, x, v[0], v[1], v[2], v[3]);
    for (int p = 0; p < 4; ++p) hn::StoreU(v[p], d, reinterpret_cast<uint16_t*>(out) + 32 * p);
  } else {  // pair p of lane i: columns 4 i + 2 p and 4 i + 2 p + 1
    const hn::FixedTag<uint32_t, 16> d;
    hn::Vec<decltype(d)> v[2];
    hn::LoadInterleaved2(d, reinterpret_cast<const uint32_t*>(x), v[0], v[1]);
    for (int p = 0; p < 2; ++p) hn::StoreU(v[p], d, out + 16 * p);
  }
}

// The numbers of a row, in blocks.
template <int kBits>
HWY_INLINE void write_blocks(const uint16_t* x, int64_t columns, uint32_t* out) {
  constexpr int64_t kBlock = kBlockColumns<kBits>;
  int64_t column = 0;
  for (; column + kBlock <= columns; column += kBlock) {
    write_block<kBits>(x + column, out + column / 2);
  }
  if (column == columns) return;
  uint16_t rest[kBlock] = {};
  std::copy(x + column, x + columns, rest);
  write_block<kBits>(rest, out + column / 2);
}

// A row of x as 16-bit integers, with scales and the sums of what they stand for.
template <class X>
HWY_INLINE void round_groups(const X* x, const QuantizedMatrix& w, int16_t* out, float* scales,
                             float* sums) {
  for (int64_t g = 0; g < w.columns / w.group_size; ++g) {
    const int64_t at = g * w.group_size;
    round_group(x + at, w.group_size, IntegerPairs::kLargest, out + at, scales + g, sums + g);
    if (!has_biases(w.mode)) scales[g] /= IntegerPairs::kUnits;
  }
}

template <class Pairs>
void write(const QuantizedMatrix& w, const void* data, ScalarType type, const PairsX& to,
           int64_t row) {
  static thread_local GrownBuffer buffer;
  const FloatTag d;
  float* const sums = to.sums + row * to.group_step;
  const int64_t groups = w.columns / w.group_size;
  const auto* words = static_cast<const uint16_t*>(data);
  if constexpr (Pairs::kScaled) {
    auto* const rounded = buffer.get_as<int16_t>(static_cast<size_t>(w.columns));
    float* const scales = to.scales + row * to.group_step;
    with_type(type, [&](auto tag) HWY_ATTR {
      round_groups(static_cast<const decltype(tag)*>(data), w, rounded, scales, sums);
    });
    std::fill(scales + groups, scales + to.group_step, 0.0f);
    words = reinterpret_cast<const uint16_t*>(rounded);
  } else {
    const auto* x = static_cast<const bf16_t*>(data);
    for (int64_t g = 0; g < groups; ++g) {
      auto sum = hn::Zero(d);
      for (int64_t i = 0; i < w.group_size; i += kLanes) {
        sum = hn::Add(sum, load(d, x + g * w.group_size + i));
      }
      sums[g] = sum_of(d, sum);
    }
  }
  std::fill(sums + groups, sums + to.group_step, 0.0f);
  uint32_t* const out = to.values + row * to.words;
  w.bits == 4 ? write_blocks<4>(words, w.columns, out) : write_blocks<8>(words, w.columns, out);
}

// The sums of the lanes of v[i], at i % 4 * 4 + i / 4. Each is added in the same order.
HWY_INLINE __m512 sums_of(const __m512 (&v)[16]) {
  __m512 halves[8], quarters[4];
  HWY_UNROLL(8)
  for (int i = 0; i < 8; ++i) {
    halves[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x88),
                              _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xdd));
  }
  HWY_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    quarters[i] = _mm512_add_ps(_mm512_shuffle_f32x4(halves[2 * i], halves[2 * i + 1], 0x88),
                                _mm512_shuffle_f32x4(halves[2 * i], halves[2 * i + 1], 0xdd));
  }
  const auto pairs = [&](int i) HWY_ATTR {
    return _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(quarters[i], quarters[i + 1]),
                                          _mm512_unpackhi_ps(quarters[i], quarters[i + 1])));
  };
  const __m512d low = pairs(0), high = pairs(2);
  return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(low, high)),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(low, high)));
}

// Scales and biases in f32 of consecutive rows, one after the other. A vector can be read from
// each.
struct RowNumbers {
  const float* scales;
  const float* biases;
  int64_t groups;  // of a row
};

// How a row of weights is read.
template <class Pairs, class Values>
struct RowReader {
  Unpacker<Pairs, Values> unpacker;
  int64_t words;          // of a row
  int shift;              // of a lane's number, to its group's
  __m512i group_of_lane;  // of a block's first group on

  HWY_INLINE explicit RowReader(const QuantizedMatrix& w)
      : words(w.columns * Values::kBits / 32),
        shift(std::countr_zero(static_cast<uint64_t>(w.group_size / kLaneColumns<Values::kBits>))),
        group_of_lane(_mm512_srli_epi32(
            _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
            static_cast<unsigned>(shift))) {}

  // The groups' numbers in the lanes of the block from `word` on; a vector can be read.
  HWY_INLINE __m512 of_groups(const float* numbers, int64_t word, __mmask16 mask) const {
    return _mm512_maskz_permutexvar_ps(mask, group_of_lane,
                                       _mm512_loadu_ps(numbers + (word >> shift)));
  }
};

// Adds the dot products of kW rows of weights from `packed` on with rows [m, m + kX) of x, a
// lane's to each lane. Weights `ahead` words behind are fetched.
template <class Pairs, class Values, int kX, int kW>
HWY_INLINE void add_dots(const RowReader<Pairs, Values>& reader, const uint32_t* packed,
                         int64_t ahead, const RowNumbers& numbers, const PairsX& x, int64_t m,
                         __m512 (&sums)[kW * kX]) {
  constexpr int kCount = kPairs<Values::kBits>;
  const uint32_t* values = x.values + m * x.words;
  const float* x_sums = x.sums + m * x.group_step;
  const float* x_scales = Pairs::kScaled ? x.scales + m * x.group_step : nullptr;
  for (int64_t g = 0; Values::kBiased && g < numbers.groups; g += kLanes) {
    const __mmask16 mask = first_lanes(numbers.groups - g);
    HWY_UNROLL(2)
    for (int r = 0; r < kW; ++r) {
      const __m512 bias = _mm512_maskz_loadu_ps(mask, numbers.biases + r * numbers.groups + g);
      HWY_UNROLL(8)
      for (int i = 0; i < kX; ++i) {
        sums[r * kX + i] =
            _mm512_fmadd_ps(bias, _mm512_load_ps(x_sums + i * x.group_step + g), sums[r * kX + i]);
      }
    }
  }
  for (int64_t word = 0; word < reader.words; word += kLanes) {
    const __mmask16 mask = first_lanes(reader.words - word);
    __m512i pairs[kW][kCount];
    __m512 scales[kW];
    HWY_UNROLL(2)
    for (int r = 0; r < kW; ++r) {
      const uint32_t* at = packed + r * reader.words + word;
      _mm_prefetch(reinterpret_cast<const char*>(at + ahead), _MM_HINT_T0);
      reader.unpacker.unpack(_mm512_maskz_loadu_epi32(mask, at), pairs[r]);
      scales[r] = reader.of_groups(numbers.scales + r * numbers.groups, word, mask);
    }
    HWY_UNROLL(8)
    for (int i = 0; i < kX; ++i) {
      const uint32_t* xs = values + i * x.words + word * kCount;
      typename Pairs::Sums products[kW];
      HWY_UNROLL(2)
      for (int r = 0; r < kW; ++r) products[r] = Pairs::none();
      HWY_UNROLL(4)
      for (int p = 0; p < kCount; ++p) {
        const __m512i pair = _mm512_load_si512(xs + p * kLanes);
        HWY_UNROLL(2)
        for (int r = 0; r < kW; ++r) {
          products[r] = Pairs::add_dot(products[r], pairs[r][p], pair);
        }
      }
      __m512 x_scale = _mm512_undefined_ps();
      if constexpr (Pairs::kScaled) {
        x_scale = reader.of_groups(x_scales + i * x.group_step, word, mask);
      }
      HWY_UNROLL(2)
      for (int r = 0; r < kW; ++r) {
        __m512 dot = Pairs::numbers(products[r]);
        if constexpr (Pairs::kScaled) dot = _mm512_mul_ps(dot, x_scale);
        sums[r * kX + i] = _mm512_fmadd_ps(dot, scales[r], sums[r * kX + i]);
      }
    }
  }
}

// The dot products of kW rows of weights from `row` on with rows [m, m + kX) of x.
template <class Pairs, class Values, int kX, int kW>
HWY_NOINLINE void dots(const QuantizedMatrix& w, int64_t row, const RowNumbers& numbers,
                       const PairsX& x, int64_t m, float* HWY_RESTRICT out) {
  const RowReader<Pairs, Values> reader(w);
  const int64_t step = kW * reader.words;
  __m512 sums[kW * kX], all[16];
  HWY_UNROLL(16)
  for (int i = 0; i < kW * kX; ++i) sums[i] = _mm512_setzero_ps();
  add_dots<Pairs, Values, kX, kW>(reader, w.weight + row * reader.words,
                                  (kAhead + step - 1) / step * step, numbers, x, m, sums);
  HWY_UNROLL(16)
  for (int i = 0; i < 16; ++i) all[i] = i < kW * kX ? sums[i] : _mm512_setzero_ps();
  alignas(64) float gathered[16];
  _mm512_store_ps(gathered, sums_of(all));
  HWY_UNROLL(2)
  for (int r = 0; r < kW; ++r) {
    HWY_UNROLL(8)
    for (int i = 0; i < kX; ++i) {
      const int at = r * kX + i;
      out[(m + i) * kDots + r] = gathered[at % 4 * 4 + at / 4];
    }
  }
}

// The dot products of up to 16 rows of weights from `row` on with one row of x: one after the
// other, as they lie in memory, and summed together.
template <class Pairs, class Values>
HWY_NOINLINE void dots_of_one(const QuantizedMatrix& w, int64_t row, int64_t rows,
                              const RowNumbers& numbers, const PairsX& x, float* HWY_RESTRICT out) {
  const RowReader<Pairs, Values> reader(w);
  __m512 all[16];
  for (int64_t r = 0; r < 16; ++r) {
    __m512 sum[1] = {_mm512_setzero_ps()};
    if (r < rows) {
      const RowNumbers of_row{numbers.scales + r * numbers.groups,
                              numbers.biases + r * numbers.groups, numbers.groups};
      add_dots<Pairs, Values, 1, 1>(reader, w.weight + (row + r) * reader.words, kAhead, of_row, x,
                                    0, sum);
    }
    all[r] = sum[0];
  }
  alignas(64) float gathered[16];
  _mm512_store_ps(gathered, sums_of(all));
  for (int64_t r = 0; r < rows; ++r) out[r] = gathered[r % 4 * 4 + r / 4];
}

// The dot products of kW rows of weights with all rows of x.
template <class Pairs, class Values, int kW>
HWY_INLINE void all_dots(const QuantizedMatrix& w, int64_t row, const RowNumbers& numbers,
                         const PairsX& x, float* out) {
  int64_t m = 0;
  for (; m + 8 <= x.rows; m += 8) dots<Pairs, Values, 8, kW>(w, row, numbers, x, m, out);
  if (m + 4 <= x.rows) {
    dots<Pairs, Values, 4, kW>(w, row, numbers, x, m, out);
    m += 4;
  }
  if (m + 2 <= x.rows) {
    dots<Pairs, Values, 2, kW>(w, row, numbers, x, m, out);
    m += 2;
  }
  if (m < x.rows) dots<Pairs, Values, 1, kW>(w, row, numbers, x, m, out);
}

// Fetches scales and biases of so many rows.
HWY_INLINE void prefetch_numbers(const QuantizedMatrix& w, int64_t row, int64_t rows) {
  const int64_t groups = w.columns / w.group_size;
  const auto bytes = static_cast<size_t>(w.scale_bytes());
  const auto fetch = [&](const void* numbers) HWY_ATTR {
    prefetch(static_cast<const char*>(numbers) + static_cast<size_t>(row * groups) * bytes,
             static_cast<size_t>(rows * groups) * bytes);
  };
  fetch(w.scales);
  if (has_biases(w.mode)) fetch(w.biases);
}

template <class Pairs>
void range(const QuantizedMatrix& w, const PairsX& x, const MatvecY& y, int64_t begin,
           int64_t end) {
  constexpr int64_t kTogether = 2;  // rows of weights in registers
  constexpr int64_t kTile = 16;     // rows whose scales are converted at a time
  static_assert(kDots % kTile == 0);
  static thread_local GrownBuffer buffer;
  const int64_t groups = w.columns / w.group_size;
  const int64_t room = round_up(kTile * groups, kLanes) + kLanes;
  float* scales = buffer.get_as<float>(static_cast<size_t>(2 * room));
  float* biases = scales + room;
  alignas(64) float gathered[kPairsRows * kDots];
  prefetch(w.weight + begin * w.columns * w.bits / 32, 2 * kAhead * sizeof(uint32_t));
  prefetch_numbers(w, begin, std::min(kTile, end - begin));
  with_values_of<Pairs>(w, [&](auto values) HWY_ATTR {
    using Values = decltype(values);
    for (int64_t first = begin; first < end; first += kDots) {
      const int64_t count = std::min(kDots, end - first);
      for (int64_t at = 0; at < count; at += kTile) {
        const int64_t rows = std::min(kTile, count - at);
        prefetch_numbers(w, first + at + rows, std::min(kTile, end - (first + at + rows)));
        if constexpr (Values::kBiased) {
          for_group_numbers(w, (first + at) * groups, rows * groups,
                            [&](int64_t i, auto s, auto b) HWY_ATTR {
                              hn::Store(s, FloatTag(), scales + i);
                              hn::Store(b, FloatTag(), biases + i);
                            });
        } else {
          for_group_scales(w, (first + at) * groups, rows * groups,
                           [&](int64_t i, auto s)
                               HWY_ATTR { hn::Store(s, FloatTag(), scales + i); });
        }
        if (x.rows == 1) {
          dots_of_one<Pairs, Values>(w, first + at, rows, {scales, biases, groups}, x,
                                     gathered + at);
          continue;
        }
        for (int64_t r = 0; r < rows; r += kTogether) {
          const RowNumbers numbers{scales + r * groups, biases + r * groups, groups};
          const int64_t row = first + at + r;
          if (r + kTogether <= rows) {
            all_dots<Pairs, Values, kTogether>(w, row, numbers, x, gathered + at + r);
          } else {
            all_dots<Pairs, Values, 1>(w, row, numbers, x, gathered + at + r);
          }
        }
      }
      write_dots(y, first, count, gathered);
    }
  });
}

}  // namespace matvec_pairs
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace graft::kernels {

#if (HWY_TARGETS & HWY_AVX3) != 0
namespace code = N_AVX3::matvec_pairs;

template <class Pairs>
const PairsMatvecKernels* matvec_kernels() {
  static constexpr PairsMatvecKernels kKernels = {&code::sizes, &code::write<Pairs>,
                                                  &code::range<Pairs>};
  return &kKernels;
}
const PairsMatvecKernels* bf16_matvec_kernels() { return matvec_kernels<code::Bf16Pairs>(); }
const PairsMatvecKernels* integer_matvec_kernels() { return matvec_kernels<code::IntegerPairs>(); }
#else
const PairsMatvecKernels* bf16_matvec_kernels() { return nullptr; }
const PairsMatvecKernels* integer_matvec_kernels() { return nullptr; }
#endif

}  // namespace graft::kernels
#endif
