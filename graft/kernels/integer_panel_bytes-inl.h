// Panels of 8-bit integers where only multiplications of bytes are there (vpmaddubsw), which give
// sums of 16 bits: of weights of up to 4 bits those of 32 numbers fit. For HWY_AVX2 and HWY_AVX3;
// included once per instruction set, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_INTEGER_PANEL_BYTES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_INTEGER_PANEL_BYTES_INL_H_
#undef GRAFT_KERNELS_INTEGER_PANEL_BYTES_INL_H_
#else
#define GRAFT_KERNELS_INTEGER_PANEL_BYTES_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "graft/kernels/integer_panel-inl.h"
#include "graft/kernels/words_f32-inl.h"

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
#include <immintrin.h>

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace integer_panel {

// A vector of bytes, and as many of them for each row of a tile as there are registers for: six
// rows' sums in 16 bits and in f32.
#if HWY_TARGET <= HWY_AVX3
using Bytes = __m512i;
constexpr int64_t kByteVectors = 2;
HWY_INLINE Bytes load_words(const Word* p) { return _mm512_load_si512(p); }
HWY_INLINE Bytes broadcast_word(const Word* p) { return _mm512_set1_epi32(static_cast<int>(*p)); }
HWY_INLINE Bytes multiply(Bytes values, Bytes x) { return _mm512_maddubs_epi16(values, x); }
HWY_INLINE Bytes add(Bytes a, Bytes b) { return _mm512_add_epi16(a, b); }
HWY_INLINE FloatVec numbers(Bytes sums) {
  return FloatVec{_mm512_cvtepi32_ps(_mm512_madd_epi16(sums, _mm512_set1_epi16(1)))};
}
#else
using Bytes = __m256i;
constexpr int64_t kByteVectors = 1;
HWY_INLINE Bytes load_words(const Word* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}
HWY_INLINE Bytes broadcast_word(const Word* p) { return _mm256_set1_epi32(static_cast<int>(*p)); }
HWY_INLINE Bytes multiply(Bytes values, Bytes x) { return _mm256_maddubs_epi16(values, x); }
HWY_INLINE Bytes add(Bytes a, Bytes b) { return _mm256_add_epi16(a, b); }
HWY_INLINE FloatVec numbers(Bytes sums) {
  return FloatVec{_mm256_cvtepi32_ps(_mm256_madd_epi16(sums, _mm256_set1_epi16(1)))};
}
#endif

struct BytePanel {
  using X = int8_t;
  static constexpr int64_t kPack = 4;
  static constexpr float kLargest = 127;
  static constexpr int kMostBits = kMostByteBits;
  static constexpr int64_t kTileVectors = kByteVectors;
  static constexpr int64_t kLanes = sizeof(Bytes) / sizeof(Word);
  static constexpr int64_t kTile = kTileVectors * kLanes;
  /// Words whose products' sums fit in 16 bits: 2 x 15 x 127 each.
  static constexpr int64_t kSumWords = 32 / kPack;

  /// Fills the panel with groups [first, first + count) of columns [column, column + columns);
  /// columns up to a whole vector are zero.
  template <int kBits>
  static void pack(const QuantizedMatrix& m, int64_t first, int64_t count, int64_t column,
                   int64_t columns, const PanelScratch& s) {
    constexpr int64_t kStep = 256;  // numbers of a column at a time
    const int64_t begin = first * m.group_size, depth = count * m.group_size;
    auto* const values = reinterpret_cast<uint8_t*>(s.rows);
    for (int64_t at = 0; at < depth; at += kStep) {
      const int64_t part = std::min(kStep, depth - at);
      for (int64_t c = 0; c < columns; ++c) {
        Packed<kBits> packed(m, column + c, begin + at);
        for (int64_t i = 0; i < part; i += kChunk) {
          unpack<kBits>(packed, values + c * kStep + i);
          packed.advance();
        }
      }
      for (int64_t c = 0; c < columns; c += kTile) {
        // Words as f32: they are only moved.
        const HeadRows rows{.data = values,
                            .type = ScalarType::f32,
                            .begin = c * (kStep / kPack),
                            .row_step = kStep / kPack,
                            .group = 1,
                            .head_dim = part / kPack};
        f32_words::load_right_transposed(
            rows, 0, std::min(kTile, columns - c), kTile,
            reinterpret_cast<float*>(s.panel + c * (depth / kPack) + at / kPack * kTile));
      }
    }
  }

  template <int kRows, int kVectors>
  static HWY_NOINLINE void tile(const Work& work, int64_t row, int64_t vector) {
    const FloatTag d;
    FloatVec sum[kRows][kVectors];
    load_sums(work, row, vector, sum);
    auto [left, x_scales, x_sums] = left_block<kRows>(work, row);
    const int64_t tile_words = work.groups * work.group_words * kTile;
    const Word* right =
        work.panel + vector / kTileVectors * tile_words + vector % kTileVectors * kLanes;
    for (int64_t g = 0; g < work.groups; ++g) {
      const int64_t at = g * kPanel + vector * kLanes;
      for (int64_t words = 0; words < work.group_words; words += kSumWords) {
        Bytes dots[kRows][kVectors];
        HWY_UNROLL(8)
        for (int64_t k = 0; k < kSumWords; ++k) {
          Bytes b[kVectors];
          HWY_UNROLL(2)
          for (int v = 0; v < kVectors; ++v) b[v] = load_words(right + v * kLanes);
          HWY_UNROLL(6)
          for (int r = 0; r < kRows; ++r) {
            const Bytes a = broadcast_word(left + r);
            HWY_UNROLL(2)
            for (int v = 0; v < kVectors; ++v) {
              const Bytes products = multiply(b[v], a);
              dots[r][v] = k == 0 ? products : add(dots[r][v], products);
            }
          }
          left += kRows;
          right += kTile;
        }
        HWY_UNROLL(2)
        for (int v = 0; v < kVectors; ++v) {
          const FloatVec scale = hn::Load(d, work.scales + at + v * kLanes);
          HWY_UNROLL(6)
          for (int r = 0; r < kRows; ++r) {
            const FloatVec factor = hn::Mul(scale, hn::Set(d, x_scales[g * kRows + r]));
            sum[r][v] = hn::MulAdd(numbers(dots[r][v]), factor, sum[r][v]);
          }
        }
      }
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        const FloatVec bias = hn::Load(d, work.biases + at + v * kLanes);
        HWY_UNROLL(6)
        for (int r = 0; r < kRows; ++r) {
          sum[r][v] = hn::MulAdd(bias, hn::Set(d, x_sums[g * kRows + r]), sum[r][v]);
        }
      }
    }
    store_sums(work, row, vector, sum);
  }
};

}  // namespace integer_panel

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();
#endif

#endif
