// The operands of products in f32, for any instruction set and any storage type. See product-inl.h.

#if defined(GRAFT_KERNELS_WORDS_F32_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_WORDS_F32_INL_H_
#undef GRAFT_KERNELS_WORDS_F32_INL_H_
#else
#define GRAFT_KERNELS_WORDS_F32_INL_H_
#endif

#include <cstdint>

#include "graft/kernels/operands.h"
#include "graft/kernels/simd-inl.h"

#undef GRAFT_WORDS
#define GRAFT_WORDS f32_words
#undef GRAFT_BEFORE_WORDS
#define GRAFT_BEFORE_WORDS() HWY_BEFORE_NAMESPACE()
#undef GRAFT_AFTER_WORDS
#define GRAFT_AFTER_WORDS() HWY_AFTER_NAMESPACE()

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

using Word = float;
using WordVec = FloatVec;

/// Numbers along the depth of a product that one word holds.
constexpr int64_t kPack = 1;

/// The depth of a product is a multiple of this many words.
constexpr int64_t kDepthStep = 1;

HWY_INLINE WordVec load_words(const Word* p) { return hn::LoadU(FloatTag(), p); }

HWY_INLINE WordVec broadcast_word(const Word* p) { return hn::Set(FloatTag(), *p); }

HWY_INLINE FloatVec multiply_add(WordVec a, WordVec b, FloatVec sum) {
  return hn::MulAdd(a, b, sum);
}

/// Rows [first, first + count) as f32 [count, width], zero from head_dim on.
inline void load_left(const HeadRows& rows, int64_t first, int64_t count, int64_t width,
                      Word* out) {
  const FloatTag d;
  with_type(rows.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    RowCursor cursor(rows, first);
    for (int64_t r = 0; r < count; ++r) {
      const T* row = static_cast<const T*>(rows.data) + cursor.next();
      float* to = out + r * width;
      for_vectors(hn::Lanes(d), 0, rows.head_dim, [=](int64_t i, auto lanes) HWY_ATTR {
        hn::StoreU(load(d, row + i, lanes), d, to + i);
      });
      for (int64_t i = round_up(rows.head_dim, static_cast<int64_t>(hn::Lanes(d))); i < width;
           i += static_cast<int64_t>(hn::Lanes(d))) {
        hn::StoreU(hn::Zero(d), d, to + i);
      }
    }
  });
}

/// The same as a right operand; its depth is the rows.
HWY_INLINE void load_right(const HeadRows& rows, int64_t first, int64_t count, int64_t width,
                           Word* out) {
  load_left(rows, first, count, width, out);
}

/// Rows [first, first + count) as columns: out [head_dim, row_step], zero up to a whole vector.
inline void load_right_transposed(const HeadRows& rows, int64_t first, int64_t count,
                                  int64_t row_step, Word* out) {
  const int64_t c = rows.head_dim;
  const int64_t columns = round_up(count, static_cast<int64_t>(hn::Lanes(FloatTag())));
  with_type(rows.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    const T* data = static_cast<const T*>(rows.data);
    RowCursor cursor(rows, first);
    int64_t r = 0;
#if HWY_TARGET != HWY_SCALAR
    const hn::CappedTag<float, 4> d4;
    for (; r + 4 <= count; r += 4) {
      const T* x[4];
      for (int64_t j = 0; j < 4; ++j) x[j] = data + cursor.next();
      int64_t i = 0;
      for (; i + 4 <= c; i += 4) {
        const auto a = load(d4, x[0] + i), b = load(d4, x[1] + i);
        const auto e = load(d4, x[2] + i), f = load(d4, x[3] + i);
        const auto ab_low = hn::InterleaveLower(d4, a, b), ab_high = hn::InterleaveUpper(d4, a, b);
        const auto ef_low = hn::InterleaveLower(d4, e, f), ef_high = hn::InterleaveUpper(d4, e, f);
        float* to = out + i * row_step + r;
        hn::StoreU(hn::ConcatLowerLower(d4, ef_low, ab_low), d4, to);
        hn::StoreU(hn::ConcatUpperUpper(d4, ef_low, ab_low), d4, to + row_step);
        hn::StoreU(hn::ConcatLowerLower(d4, ef_high, ab_high), d4, to + 2 * row_step);
        hn::StoreU(hn::ConcatUpperUpper(d4, ef_high, ab_high), d4, to + 3 * row_step);
      }
      for (; i < c; ++i) {
        for (int64_t j = 0; j < 4; ++j) out[i * row_step + r + j] = float_from(x[j][i]);
      }
    }
#endif
    for (; r < count; ++r) {
      const T* x = data + cursor.next();
      for (int64_t i = 0; i < c; ++i) out[i * row_step + r] = float_from(x[i]);
    }
    for (int64_t i = 0; i < c; ++i) {
      for (int64_t j = count; j < columns; ++j) out[i * row_step + j] = 0.0f;
    }
  });
}

/// Stores lanes of a left operand's row, from its element `column` on.
HWY_INLINE void store_left(FloatVec x, Word* row, int64_t column) {
  hn::StoreU(x, FloatTag(), row + column);
}

/// Stores lanes of rows `row` (even) and row + 1 of an operand [rows, row_step]; its depth is the
/// rows.
HWY_INLINE void store_pair(FloatVec x0, FloatVec x1, Word* data, int64_t row, int64_t row_step,
                           int64_t column) {
  hn::StoreU(x0, FloatTag(), data + row * row_step + column);
  hn::StoreU(x1, FloatTag(), data + (row + 1) * row_step + column);
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
