// The gradient of x, sum over terms of d_y w, as products of integers: quantized weights are the
// integers that they are stored as, whose scales and biases vary along the sum. So these go into
// d_y: in 16 bits it meets a group's scales, in 16 bits too, and the upper halves of the products
// are summed with the weights. With scales s and biases b of a group, scales t of d_y, u and v of
// s and b in a block of depth:
//
//   d_x += t u 2^15 sum(((d_y s) >> 15) q) + t v 2^15 sum((d_y b) >> 15)
//
// Included only for HWY_AVX3, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_INTEGER_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_INTEGER_GRADIENT_INL_H_
#undef GRAFT_KERNELS_INTEGER_GRADIENT_INL_H_
#else
#define GRAFT_KERNELS_INTEGER_GRADIENT_INL_H_
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "graft/kernels/group_rounding-inl.h"
#include "graft/kernels/integer_words-inl.h"
#include "graft/kernels/interleave-inl.h"
#include "graft/kernels/panel_output-inl.h"
#include "graft/kernels/panel_units.h"
#include "graft/kernels/quantized-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace integer_gradients {

using integer_words::kLanes;
using integer_words::kTile;
using integer_words::kTileVectors;
using integer_words::Word;
using Words = integer_words::Words16;

/// A block of depth, whose integers have a scale for each row: so few numbers that no sum of
/// 16-bit ones times 8-bit ones overflows.
constexpr int64_t kBlock = 128;
constexpr int64_t kBlockWords = kBlock / Words::kPack;

/// Words of a block of rows, side by side, that fill whole vectors.
constexpr int64_t kStripe = 8;
constexpr int64_t kStripeVectors = kStripe * kUnitRows / kLanes;
static_assert(kStripeVectors * kLanes == kStripe * kUnitRows);

constexpr int64_t kPanelTiles = kPanel / kTile;

/// The most blocks of depth in a panel.
constexpr int64_t kMostBlocks = 2 * kFoldedWords / kBlockWords;

// ---- the left operand: a block of rows, kUnitRows with zeros, is [words, kUnitRows], then scales
// [blocks of depth, kUnitRows].

inline int64_t words_of(const ProductTerm& term) { return term.depth() / Words::kPack; }

inline int64_t blocks_of(const ProductTerm& term) { return (term.depth() + kBlock - 1) / kBlock; }

int64_t left_words(const ProductTerm& term) { return words_of(term) + blocks_of(term); }

void pack_left_rows(const PanelCall& call, int64_t begin, int64_t end) {
  alignas(64) Word rows[kUnitRows * kBlockWords];
  for (size_t t = 0; t < call.product.terms.size(); ++t) {
    const ProductTerm& term = call.product.terms[t];
    const int64_t depth = term.depth();
    for (int64_t block = begin; block < end; ++block) {
      const int64_t row = block * kUnitRows, count = std::min(kUnitRows, call.rows - row);
      Word* const out = static_cast<Word*>(call.lefts[t]) + row * left_words(term);
      auto* const scales = reinterpret_cast<float*>(out + words_of(term) * kUnitRows);
      with_type(term.type, [&](auto tag) HWY_ATTR {
        using T = decltype(tag);
        const T* x = static_cast<const T*>(term.left) + (call.first_row + row) * depth;
        for (int64_t at = 0; at < depth; at += kBlock) {
          const int64_t part = std::min(kBlock, depth - at);
          float* const scale = scales + at / kBlock * kUnitRows;
          for (int64_t r = 0; r < kUnitRows; ++r) {
            auto* const to = reinterpret_cast<Words::X*>(rows + r * kBlockWords);
            if (r < count) {
              float sum;
              round_group(x + r * depth + at, part, Words::kLargest, to, scale + r, &sum);
            } else {
              std::fill_n(to, part, Words::X{0});
              scale[r] = 0;
            }
          }
          interleave_rows(rows, kBlockWords, kUnitRows, part / Words::kPack,
                          out + at / Words::kPack * kUnitRows);
        }
      });
    }
  }
}

// ---- the panel

/// A block of depth of a term in the panel.
struct Block {
  const Word* left;     // of the call's first block of rows
  const float* scales;  // its t
  int64_t row_words;    // of a left row
  int64_t words;
  float u[kPanelTiles], v[kPanelTiles];
};

/// The products of one panel while it is in cache. Where both tiles are of one group, that is the
/// group of tile 0.
struct Work : PanelOutput {
  Block blocks[kMostBlocks];
  int64_t count = 0, words = 0;
  int64_t groups = 1;  // of a panel
  Word* panel;         // [kPanelTiles, kFoldedWords, kTile]
  Word* scales;        // [groups, words, kUnitRows]: s in 16 bits, the same for all rows
  Word* biases;
  Word* folded;  // [groups, words, kUnitRows]: d_y s of a block of rows
};

/// Where group g's words of a block begin, which is at `word` of the panel.
HWY_INLINE int64_t folded_at(int64_t g, int64_t word) {
  return (g * kFoldedWords + word) * kUnitRows;
}

// Values of rows [row, row + 2 * words), columns [column, column + columns) as words, two rows in
// each.
template <int kBits>
void pack_values(const QuantizedMatrix& m, int64_t row, int64_t words, int64_t column,
                 int64_t columns, Word* out) {
  alignas(64) uint8_t unpacked[2][kPanel];
  for (int64_t k = 0; k < words; ++k) {
    const uint8_t* values[2];
    for (int64_t j = 0; j < 2; ++j) {
      Packed<kBits> packed(m, row + 2 * k + j, column);
      values[j] = packed.at;
      if constexpr (kBits != 8) {
        values[j] = unpacked[j];
        for (int64_t c = 0; c < columns; c += kChunk) {
          unpack<kBits>(packed, unpacked[j] + c);
          packed.advance();
        }
      }
    }
    for (int64_t c = 0; c < columns; c += kLanes) {
      const auto widened = [&](int64_t j) HWY_ATTR {
        return _mm512_cvtepu8_epi32(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(values[j] + c)));
      };
      Word* const to = out + c / kTile * kFoldedWords * kTile + k * kTile + c % kTile;
      _mm512_storeu_si512(to, _mm512_or_si512(widened(0), _mm512_slli_epi32(widened(1), 16)));
    }
  }
}

// Each of kStripe words for kUnitRows rows: vector j of them.
HWY_INLINE __m512i repeated(__m256i words, int64_t j) {
  alignas(64) static constexpr int32_t kIndices[kStripeVectors * kLanes] = {
      0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3,
      4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7};
  return _mm512_permutexvar_epi32(_mm512_load_si512(kIndices + j * kLanes),
                                  _mm512_castsi256_si512(words));
}

// The numbers of one group in rows [row, row + count) of a matrix, as integers, for kUnitRows rows;
// returns their scale.
float pack_numbers(const QuantizedMatrix& m, const void* numbers, int64_t row, int64_t count,
                   int64_t group, Word* out) {
  alignas(64) float values[kBlock];
  alignas(64) int16_t integers[kBlock];
  const int64_t groups = m.columns / m.group_size;
  with_type(m.scale_type, [&](auto tag) HWY_ATTR {
    using S = decltype(tag);
    alignas(64) S together[kBlock];
    const S* from = static_cast<const S*>(numbers) + row * groups + group;
    for (int64_t i = 0; i < count; ++i) together[i] = from[i * groups];
    const FloatTag d;
    for (int64_t i = 0; i < count; i += kLanes) hn::Store(load(d, together + i), d, values + i);
  });
  float scale, sum;
  round_group(values, count, Words::kLargest, integers, &scale, &sum);
  for (int64_t i = 0; i < count; i += kStripe * Words::kPack) {
    const __m256i words = _mm256_load_si256(reinterpret_cast<const __m256i*>(integers + i));
    for (int64_t j = 0; j < kStripeVectors; ++j) {
      _mm512_store_si512(out + i / Words::kPack * kUnitRows + j * kLanes, repeated(words, j));
    }
  }
  return scale;
}

// Adds a block of depth to the panel.
void pack_block(const PanelCall& call, size_t t, int64_t at, int64_t columns, Work& work) {
  const ProductTerm& term = call.product.terms[t];
  const QuantizedMatrix& m = term.weight.matrix;
  const int64_t depth = std::min(kBlock, term.depth() - at);
  const auto* left = static_cast<const Word*>(call.lefts[t]);
  Block& block = work.blocks[work.count++];
  block.left = left + at / Words::kPack * kUnitRows;
  block.scales =
      reinterpret_cast<const float*>(left + words_of(term) * kUnitRows) + at / kBlock * kUnitRows;
  block.row_words = left_words(term);
  block.words = depth / Words::kPack;
  for (int64_t g = 0; g < work.groups; ++g) {
    const int64_t group = work.column / m.group_size + g;
    const int64_t to = folded_at(g, work.words);
    block.u[g] = pack_numbers(m, m.scales, at, depth, group, work.scales + to);
    block.v[g] = pack_numbers(m, m.biases, at, depth, group, work.biases + to);
  }
  with_values(m, [&](auto values) HWY_ATTR {
    if constexpr (decltype(values)::kBiased) {
      pack_values<decltype(values)::kBits>(m, at, block.words, work.column, columns,
                                           work.panel + work.words * kTile);
    }
  });
  work.words += block.words;
}

// ---- a block of rows

/// What the folded words of a group stand for.
struct Folded {
  float factors[kMostBlocks * kUnitRows];  // [blocks of depth, kUnitRows]
  float biases[kUnitRows];
};

// The upper halves of the products, rounded.
HWY_INLINE __m512i fold(__m512i x, const Word* numbers) {
  return _mm512_mulhrs_epi16(x, _mm512_load_si512(numbers));
}

// Vector j of a stripe: the factor of each row.
HWY_INLINE __m512 of_rows(__m256 rows, int64_t j) {
  alignas(64) static constexpr int32_t kIndices[kStripeVectors * kLanes] = {
      0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5,
      0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5};
  return _mm512_permutexvar_ps(_mm512_load_si512(kIndices + j * kLanes),
                               _mm512_castps256_ps512(rows));
}

// Multiplies d_y of the block of rows `first` rows behind the call's first with group g's numbers.
HWY_NOINLINE void fold_rows(const Work& work, int64_t first, int64_t g, Folded& out) {
  constexpr float kUnit = 0x1p15f;
  const __m512i ones = _mm512_set1_epi16(1);
  __m512 biases[kStripeVectors];
  HWY_UNROLL(3)
  for (int64_t j = 0; j < kStripeVectors; ++j) biases[j] = _mm512_setzero_ps();
  int64_t at = folded_at(g, 0);
  for (int64_t i = 0; i < work.count; ++i) {
    const Block& block = work.blocks[i];
    const Word* x = block.left + first * block.row_words;
    const __m256 scales =
        _mm256_maskz_loadu_ps((1 << kUnitRows) - 1, block.scales + first * block.row_words);
    __m512i sums[kStripeVectors];
    HWY_UNROLL(3)
    for (int64_t j = 0; j < kStripeVectors; ++j) sums[j] = _mm512_setzero_si512();
    for (int64_t word = 0; word < block.words; word += kStripe) {
      HWY_UNROLL(3)
      for (int64_t j = 0; j < kStripeVectors; ++j) {
        const __m512i v = _mm512_loadu_si512(x);
        hwy::Prefetch(x + kUnitRows * block.row_words);  // for the next block of rows
        _mm512_store_si512(work.folded + at, fold(v, work.scales + at));
        sums[j] = Words::add_dot(ones, fold(v, work.biases + at), sums[j]);
        x += kLanes;
        at += kLanes;
      }
    }
    _mm256_mask_storeu_ps(out.factors + i * kUnitRows, (1 << kUnitRows) - 1,
                          _mm256_mul_ps(scales, _mm256_set1_ps(block.u[g] * kUnit)));
    const __m256 factors = _mm256_mul_ps(scales, _mm256_set1_ps(block.v[g] * kUnit));
    HWY_UNROLL(3)
    for (int64_t j = 0; j < kStripeVectors; ++j) {
      biases[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[j]), of_rows(factors, j), biases[j]);
    }
  }
  alignas(64) float lanes[kStripeVectors * kLanes];
  for (int64_t j = 0; j < kStripeVectors; ++j) _mm512_store_ps(lanes + j * kLanes, biases[j]);
  for (int64_t r = 0; r < kUnitRows; ++r) {
    out.biases[r] = 0;
    for (int64_t k = 0; k < kStripe; ++k) out.biases[r] += lanes[k * kUnitRows + r];
  }
}

template <int kRows, int kVectors>
HWY_NOINLINE void tile(const Work& work, int64_t row, int64_t number, int64_t g,
                       const Folded& folded) {
  const FloatTag d;
  const int64_t vector = number * kTileVectors;
  FloatVec sum[kRows][kVectors];
  load_sums(work, row, vector, sum);
  const Word* left = work.folded + folded_at(g, 0);
  const Word* right = work.panel + number * kFoldedWords * kTile;
  for (int64_t i = 0; i < work.count; ++i) {
    __m512i dots[kRows][kVectors];
    integer_words::set_to_zero(dots);
    integer_words::add_dots<Words, kUnitRows>(left, right, work.blocks[i].words, dots);
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      const FloatVec factor = hn::Set(d, folded.factors[i * kUnitRows + r]);
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = hn::MulAdd(FloatVec{_mm512_cvtepi32_ps(dots[r][v])}, factor, sum[r][v]);
      }
    }
  }
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) {
    const FloatVec bias = hn::Set(d, folded.biases[r]);
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Add(sum[r][v], bias);
  }
  store_sums(work, row, vector, sum);
}

HWY_INLINE void multiply(const Work& work, const PanelRows& rows) {
  const int64_t first_row = work.call->first_row;
  Folded folded;
  for_blocks(rows.begin, rows.end, [&](int64_t row, auto count) HWY_ATTR {
    constexpr int kRows = decltype(count)::value;
    for (int64_t number = 0; number * kTileVectors < rows.vectors; ++number) {
      const int64_t g = std::min(number, work.groups - 1);
      if (g == number) fold_rows(work, row - first_row, g, folded);
      tile<kRows, kTileVectors>(work, row, number, g, folded);
    }
  });
}

void panel_units(const PanelCall& call, const PanelScratch& s, int64_t begin, int64_t end) {
  const std::span<const ProductTerm> terms = call.product.terms;
  for_panels(call, s, begin, end, [&](const PanelOutput& output, const PanelRows& rows) HWY_ATTR {
    Work work{output};
    work.groups =
        (rows.columns + terms[0].weight.matrix.group_size - 1) / terms[0].weight.matrix.group_size;
    work.panel = s.panel;
    work.scales = s.folded_scales;
    work.biases = s.folded_biases;
    work.folded = s.folded;
    for (size_t t = 0; t < terms.size(); ++t) {
      for (int64_t at = 0; at < terms[t].depth(); at += kBlock) {
        if (work.count == kMostBlocks || work.words + kBlockWords > kFoldedWords) {
          multiply(work, rows);
          work.resume = true;
          work.count = work.words = 0;
        }
        pack_block(call, t, at, rows.columns, work);
      }
    }
    work.finish = true;
    multiply(work, rows);
  });
}

}  // namespace integer_gradients
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
