// Panels of integers for dot products of 16-bit ones (vpdpwssd) and 8-bit ones (vpdpbusd). Included
// only for HWY_AVX3, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_INTEGER_PANEL_VNNI_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_INTEGER_PANEL_VNNI_INL_H_
#undef GRAFT_KERNELS_INTEGER_PANEL_VNNI_INL_H_
#else
#define GRAFT_KERNELS_INTEGER_PANEL_VNNI_INL_H_
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "graft/kernels/integer_panel-inl.h"
#include "graft/kernels/integer_words-inl.h"
#include "graft/kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace integer_panel {

using integer_words::kLanes;
using integer_words::kTile;

// `count` rows of `words` words, `row_step` apart, as columns of a tile: out [words, kTile];
// columns up to a whole vector are zero.
inline void transpose_words(const Word* rows, int64_t row_step, int64_t count, int64_t words,
                            Word* out) {
  for (int64_t r = 0; r < count; r += 16) {
    const int64_t valid = std::min<int64_t>(16, count - r);
    for (int64_t w = 0; w < words; w += 16) {
      const __mmask16 mask = static_cast<__mmask16>((1u << std::min<int64_t>(16, words - w)) - 1);
      __m512i x[16];
      for (int64_t j = 0; j < 16; ++j) {
        x[j] = j < valid ? _mm512_maskz_loadu_epi32(mask, rows + (r + j) * row_step + w)
                         : _mm512_setzero_si512();
      }
      transpose_16x16(x);
      Word* const to = out + w * kTile + r;
      for (int64_t j = 0; j < std::min<int64_t>(16, words - w); ++j) {
        _mm512_storeu_si512(to + j * kTile, x[j]);
      }
    }
  }
}

/// With Words16 or Words8.
template <class Words>
struct VnniPanel {
  using X = typename Words::X;
  static constexpr int64_t kPack = Words::kPack;
  static constexpr float kLargest = Words::kLargest;
  static constexpr int kMostBits = 8;
  static constexpr int64_t kTileVectors = integer_words::kTileVectors;

  /// Fills the panel with groups [first, first + count) of columns [column, column + columns);
  /// columns up to a whole vector are zero.
  template <int kBits>
  static void pack(const QuantizedMatrix& m, int64_t first, int64_t count, int64_t column,
                   int64_t columns, const PanelScratch& s) {
    constexpr int64_t kStep = 256;  // numbers of a column at a time
    const int64_t begin = first * m.group_size, depth = count * m.group_size;
    auto* const values = reinterpret_cast<typename Words::Value*>(s.rows);
    for (int64_t at = 0; at < depth; at += kStep) {
      const int64_t part = std::min(kStep, depth - at);
      for (int64_t c = 0; c < columns; ++c) {
        Packed<kBits> packed(m, column + c, begin + at);
        typename Words::Value* to = values + c * kStep;
        for (int64_t i = 0; i < part; i += kChunk) {
          if constexpr (kBits == 8) {
            Words::widen(packed.at, to + i);
          } else if constexpr (kBits == 4) {
            Words::widen_nibbles(packed.at, to + i);
          } else {
            alignas(64) uint8_t bytes[kChunk];
            unpack<kBits>(packed, bytes);
            Words::widen(bytes, to + i);
          }
          packed.advance();
        }
      }
      for (int64_t c = 0; c < columns; c += kTile) {
        transpose_words(reinterpret_cast<const Word*>(values + c * kStep), kStep / Words::kPack,
                        std::min(kTile, columns - c), part / Words::kPack,
                        s.panel + c * (depth / Words::kPack) + at / Words::kPack * kTile);
      }
    }
  }

  template <int kRows, int kVectors>
  static HWY_NOINLINE void tile(const Work& work, int64_t row, int64_t vector) {
    const FloatTag d;
    FloatVec sum[kRows][kVectors];
    load_sums(work, row, vector, sum);
    auto [left, x_scales, x_sums] = left_block<kRows>(work, row);
    const Word* right = work.panel + vector * kLanes * work.groups * work.group_words;
    for (int64_t g = 0; g < work.groups; ++g) {
      __m512i dots[kRows][kVectors];
      integer_words::set_to_zero(dots);
      integer_words::add_dots<Words, kRows>(left, right, work.group_words, dots);
      const int64_t at = g * kPanel + vector * kLanes;
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        const FloatVec scale = hn::Load(d, work.scales + at + v * kLanes);
        const FloatVec bias = hn::Load(d, work.biases + at + v * kLanes);
        HWY_UNROLL(6)
        for (int r = 0; r < kRows; ++r) {
          const FloatVec scaled = hn::Mul(FloatVec{_mm512_cvtepi32_ps(dots[r][v])}, scale);
          sum[r][v] = hn::MulAdd(scaled, hn::Set(d, x_scales[g * kRows + r]), sum[r][v]);
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
