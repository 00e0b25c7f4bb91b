// The operands of products in bf16 with AVX-512's dot products: a word is a pair of neighbours
// along the depth, products are exact and summed in f32. The storage type is bf16. See
// product-inl.h. Included only for HWY_AVX3.

#if defined(GRAFT_KERNELS_WORDS_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_WORDS_BF16_INL_H_
#undef GRAFT_KERNELS_WORDS_BF16_INL_H_
#else
#define GRAFT_KERNELS_WORDS_BF16_INL_H_
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "graft/kernels/operands.h"
#include "graft/kernels/simd-inl.h"
#include "graft/kernels/transpose-inl.h"

// Attributes, rather than a compiler flag for the file, so that no function of the standard library
// is compiled with them: the linker might choose that copy for a processor which lacks them.
#undef GRAFT_BEFORE_WORDS
#define GRAFT_BEFORE_WORDS()                                 \
  HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR GRAFT_WORDS_ATTRIBUTES) \
  static_assert(true, "a semicolon follows")
#undef GRAFT_AFTER_WORDS
#define GRAFT_AFTER_WORDS() HWY_AFTER_NAMESPACE()

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

using Word = uint32_t;
using WordVec = __m512i;

/// Numbers along the depth of a product that one word holds.
constexpr int64_t kPack = 2;

/// The depth of a product is a multiple of this many words; operands are padded with zeros.
constexpr int64_t kDepthStep = GRAFT_WORDS_DEPTH_STEP;

HWY_INLINE WordVec load_words(const Word* p) { return _mm512_loadu_si512(p); }

/// The pair may be at any address that is valid for a bf16.
HWY_INLINE WordVec broadcast_word(const Word* p) {
  int word;
  std::memcpy(&word, static_cast<const void*>(p), sizeof word);
  return _mm512_set1_epi32(word);
}

HWY_INLINE FloatVec multiply_add(WordVec a, WordVec b, FloatVec sum) {
  return FloatVec{
      _mm512_dpbf16_ps(sum.raw, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b))};
}

HWY_INLINE __mmask16 first16(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, 16)) - 1);
}

HWY_INLINE __mmask32 first32(int64_t count) {
  return static_cast<__mmask32>((uint64_t{1} << std::clamp<int64_t>(count, 0, 32)) - 1);
}

/// Rows [first, first + count) as pairs of columns: [count, width] words. Writes the first head_dim
/// / 2 words of a row, and zeros up to a multiple of 16.
inline void load_left(const HeadRows& rows, int64_t first, int64_t count, int64_t width,
                      Word* out) {
  RowCursor cursor(rows, first);
  for (int64_t r = 0; r < count; ++r) {
    const bf16_t* row = static_cast<const bf16_t*>(rows.data) + cursor.next();
    for (int64_t i = 0; i < rows.head_dim; i += 32) {
      _mm512_storeu_si512(out + r * width + i / 2,
                          _mm512_maskz_loadu_epi16(first32(rows.head_dim - i), row + i));
    }
  }
}

// (low[j], high[j]) as word j.
HWY_INLINE __m512i interleave(__m256i low, __m256i high) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
}

/// Rows [first, first + count) as pairs of rows: [(count + 1) / 2, width] words, zero from head_dim
/// on, and zero rows up to a multiple of kDepthStep.
inline void load_right(const HeadRows& rows, int64_t first, int64_t count, int64_t width,
                       Word* out) {
  const bf16_t* data = static_cast<const bf16_t*>(rows.data);
  RowCursor cursor(rows, first);
  for (int64_t r = 0; r < round_up(count, 2 * kDepthStep); r += 2) {
    const bf16_t* low = r < count ? data + cursor.next() : data;
    const bf16_t* high = r + 1 < count ? data + cursor.next() : data;
    Word* to = out + r / 2 * width;
    for (int64_t i = 0; i < width; i += 16) {
      const __mmask16 mask = first16(rows.head_dim - i);
      const __m256i x = _mm256_maskz_loadu_epi16(r < count ? mask : __mmask16{0}, low + i);
      const __m256i y = _mm256_maskz_loadu_epi16(r + 1 < count ? mask : __mmask16{0}, high + i);
      _mm512_storeu_si512(to + i, interleave(x, y));
    }
  }
}

/// Rows [first, first + count) as columns of pairs: out [head_dim / 2, row_step] words, with zero
/// rows up to a multiple of 16, and zero columns up to a whole vector.
inline void load_right_transposed(const HeadRows& rows, int64_t first, int64_t count,
                                  int64_t row_step, Word* out) {
  const int64_t words = (rows.head_dim + 1) / 2;
  RowCursor cursor(rows, first);
  for (int64_t r = 0; r < count; r += 16) {
    const bf16_t* row[16] = {};
    const int64_t valid = std::min<int64_t>(16, count - r);
    for (int64_t j = 0; j < valid; ++j) {
      row[j] = static_cast<const bf16_t*>(rows.data) + cursor.next();
    }
    for (int64_t w = 0; w < words; w += 16) {
      const __mmask32 mask = first32(rows.head_dim - 2 * w);
      __m512i x[16];
      if (valid == 16) {
        HWY_UNROLL(16)
        for (int j = 0; j < 16; ++j) x[j] = _mm512_maskz_loadu_epi16(mask, row[j] + 2 * w);
      } else {
        for (int j = 0; j < 16; ++j) {
          x[j] =
              j < valid ? _mm512_maskz_loadu_epi16(mask, row[j] + 2 * w) : _mm512_setzero_si512();
        }
      }
      transpose_16x16(x);
      Word* to = out + w * row_step + r;
      HWY_UNROLL(16)
      for (int j = 0; j < 16; ++j) _mm512_storeu_si512(to + j * row_step, x[j]);
    }
  }
}

/// Stores lanes of a left operand's row, from its number `column` on.
HWY_INLINE void store_left(FloatVec x, Word* row, int64_t column) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + column / 2),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x.raw)));
}

/// Stores lanes of rows `row` (even) and row + 1 of an operand [rows / 2, row_step] of pairs of
/// rows.
HWY_INLINE void store_pair(FloatVec x0, FloatVec x1, Word* data, int64_t row, int64_t row_step,
                           int64_t column) {
  const __m256i low = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x0.raw));
  const __m256i high = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x1.raw));
  _mm512_storeu_si512(data + row / 2 * row_step + column, interleave(low, high));
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
