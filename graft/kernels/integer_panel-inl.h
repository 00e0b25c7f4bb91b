// Products of quantized weights, as the integers that they are stored as, with x rounded to
// integers with a scale for each row and group. With scales s, t and bias b of a group, y += s t
// sum(q n) + b t sum(n). Included only for HWY_AVX3, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_INTEGER_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_INTEGER_PANEL_INL_H_
#undef GRAFT_KERNELS_INTEGER_PANEL_INL_H_
#else
#define GRAFT_KERNELS_INTEGER_PANEL_INL_H_
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "graft/kernels/integer_words-inl.h"
#include "graft/kernels/interleave-inl.h"
#include "graft/kernels/panel_output-inl.h"
#include "graft/kernels/panel_units.h"
#include "graft/kernels/quantized-inl.h"
#include "graft/kernels/transpose-inl.h"

HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512vnni")
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace integer_words {

constexpr int64_t kMostGroup = 128;

// ---- the left operand: a block of rows is [words, rows], then scales and sums [groups, rows].

template <class Words>
int64_t left_words(const ProductTerm& term) {
  const int64_t depth = term.depth();
  return depth / Words::kPack + 2 * (depth / term.weight.matrix.group_size);
}

template <class Words>
void pack_left_rows(const PanelCall& call, int64_t begin, int64_t end) {
  constexpr int64_t kStep = kMostGroup / Words::kPack;
  alignas(64) Word rows[kUnitRows * kStep];
  const ProductTerm& term = call.product.terms[0];
  const int64_t depth = term.depth(), group = term.weight.matrix.group_size;
  const int64_t groups = depth / group, group_words = group / Words::kPack;
  const int64_t step = left_words<Words>(term);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t row = block * kUnitRows, count = std::min(kUnitRows, call.rows - row);
    Word* const out = static_cast<Word*>(call.lefts[0]) + row * step;
    auto* const scales = reinterpret_cast<float*>(out + count * (depth / Words::kPack));
    float* const sums = scales + count * groups;
    with_type(term.type, [&](auto tag) HWY_ATTR {
      using T = decltype(tag);
      const T* x = static_cast<const T*>(term.left) + (call.first_row + row) * depth;
      for (int64_t g = 0; g < groups; ++g) {
        for (int64_t r = 0; r < count; ++r) {
          round_group<Words>(x + r * depth + g * group, group,
                             reinterpret_cast<typename Words::X*>(rows + r * kStep),
                             scales + g * count + r, sums + g * count + r);
        }
        interleave_rows(rows, kStep, count, group_words, out + g * group_words * count);
      }
    });
  }
}

// ---- the panel

// The products of one panel while it is in cache: groups [first_group, first_group + groups).
struct Work : PanelOutput {
  const Word* left;
  int64_t left_words;   // of a row, with scales and sums
  int64_t depth_words;  // of a row, without
  int64_t all_groups;   // of a row
  int64_t group_words;
  int64_t first_group, groups;
  const Word* panel;    // [kPanel / kTile, groups * group_words, kTile]
  const float* scales;  // [groups, kPanel]
  const float* biases;
};

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

// Fills the panel with groups [first, first + count) of columns [column, column + columns), and
// scales and biases; columns up to a whole vector are zero.
template <class Words, int kBits>
void pack(const QuantizedMatrix& m, int64_t first, int64_t count, int64_t column, int64_t columns,
          const PanelScratch& s) {
  constexpr int64_t kStep = 256;  // numbers of a column at a time
  const FloatTag d;
  const int64_t groups = m.columns / m.group_size;
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
  const int64_t width = round_up(columns, kLanes);
  for (int64_t c = 0; c < width; ++c) {
    if (c >= columns) {
      for (int64_t g = 0; g < count; ++g) {
        s.group_scales[g * kPanel + c] = s.group_biases[g * kPanel + c] = 0;
      }
      continue;
    }
    for_group_numbers(m, (column + c) * groups + first, count,
                      [&](int64_t i, FloatVec scales, FloatVec biases) HWY_ATTR {
                        alignas(64) float scale[kLanes], bias[kLanes];
                        hn::Store(scales, d, scale);
                        hn::Store(biases, d, bias);
                        for (int64_t g = i; g < std::min(count, i + kLanes); ++g) {
                          s.group_scales[g * kPanel + c] = scale[g - i];
                          s.group_biases[g * kPanel + c] = bias[g - i];
                        }
                      });
  }
}

// ---- the tile

template <class Words, int kRows, int kVectors>
HWY_NOINLINE void tile(const Work& work, int64_t row, int64_t vector) {
  const FloatTag d;
  FloatVec sum[kRows][kVectors];
  load_sums(work, row, vector, sum);
  const Word* const block = work.left + (row - work.call->first_row) * work.left_words;
  const Word* left = block + work.first_group * work.group_words * kRows;
  const auto* const x_scales =
      reinterpret_cast<const float*>(block + work.depth_words * kRows) + work.first_group * kRows;
  const float* const x_sums = x_scales + work.all_groups * kRows;
  const Word* right = work.panel + vector * kLanes * work.groups * work.group_words;
  for (int64_t g = 0; g < work.groups; ++g) {
    __m512i dots[kRows][kVectors];
    set_to_zero(dots);
    add_dots<Words, kRows>(left, right, work.group_words, dots);
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

template <class Words, int kRows>
HWY_INLINE void tiles(const Work& work, int64_t row, int64_t vectors) {
  int64_t v = 0;
  for (; v + kTileVectors <= vectors; v += kTileVectors) {
    tile<Words, kRows, kTileVectors>(work, row, v);
  }
  if (v < vectors) tile<Words, kRows, 1>(work, row, v);
}

template <class Words>
HWY_INLINE void multiply(const Work& work, int64_t row, int64_t end, int64_t vectors) {
  for_blocks(row, end, [&](int64_t at, auto rows) HWY_ATTR {
    tiles<Words, decltype(rows)::value>(work, at, vectors);
  });
}

template <class Words>
void panel_units(const PanelCall& call, const PanelScratch& s, int64_t begin, int64_t end) {
  const ProductTerm& term = call.product.terms[0];
  const QuantizedMatrix& m = term.weight.matrix;
  const int64_t group_words = m.group_size / Words::kPack, groups = m.columns / m.group_size;
  const int64_t most = kPanelDepth / group_words;
  for_panels(call, s, begin, end, [&](const PanelOutput& output, const PanelRows& rows) HWY_ATTR {
    Work work{output,
              static_cast<const Word*>(call.lefts[0]),
              left_words<Words>(term),
              groups * group_words,
              groups,
              group_words,
              0,
              0,
              s.panel,
              s.group_scales,
              s.group_biases};
    for (int64_t first = 0; first < groups; first += most) {
      work.first_group = first;
      work.groups = std::min(most, groups - first);
      work.resume = first > 0;
      work.finish = first + work.groups == groups;
      with_values(m, [&](auto values) HWY_ATTR {
        if constexpr (decltype(values)::kBiased) {
          pack<Words, decltype(values)::kBits>(m, first, work.groups, output.column, rows.columns,
                                               s);
        }
      });
      multiply<Words>(work, rows.begin, rows.end, rows.vectors);
    }
  });
}

}  // namespace integer_words
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
