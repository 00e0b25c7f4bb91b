// Small dense products from registers: the inner loop of attention and of the LoRA kernels.
// Included once per instruction set, after words_f32-inl.h or words_bf16-inl.h, which say what a
// word is: an f32, or a pair of bf16 that are neighbours along the depth of the product.

#if defined(GRAFT_KERNELS_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_PRODUCT_INL_H_
#undef GRAFT_KERNELS_PRODUCT_INL_H_
#else
#define GRAFT_KERNELS_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "graft/kernels/product_operands-inl.h"
#include "graft/kernels/simd-inl.h"

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

/// Rows of a result that share one pass over the right operand.
constexpr int64_t kRowBlock = 6;

/// Vectors per row of the result such that kRowBlock rows fit in registers.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int64_t kVectorBlock = 4;
#else
constexpr int64_t kVectorBlock = 2;
#endif

template <int kRows, int kVectors>
HWY_NOINLINE void product_block(int64_t depth, Left a, Right b, Result c, const float* keep) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  FloatVec sum[kRows][kVectors];
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
  }
  HWY_UNROLL(4)
  for (int64_t k = 0; k < depth; ++k) {
    WordVec right[kVectors];
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) right[v] = load_words(b.data + v * lanes);
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      const WordVec left = broadcast_word(a.data + r * a.row_step);
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(left, right[v], sum[r][v]);
    }
    a.data += a.depth_step;
    b.data += b.row_step;
  }
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) {
    float* row = c.data + r * c.row_step;
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      if (keep != nullptr) {
        sum[r][v] = hn::MulAdd(hn::Set(d, keep[r]), hn::LoadU(d, row + v * lanes), sum[r][v]);
      }
      hn::StoreU(sum[r][v], d, row + v * lanes);
    }
  }
}

template <int kRows>
HWY_INLINE void product_rows(int64_t vectors, int64_t depth, Left a, Right b, Result c,
                             const float* keep) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(FloatTag()));
  for (; vectors >= kVectorBlock; vectors -= kVectorBlock) {
    product_block<kRows, kVectorBlock>(depth, a, b, c, keep);
    b.data += kVectorBlock * lanes;
    c.data += kVectorBlock * lanes;
  }
  if (vectors == 1) product_block<kRows, 1>(depth, a, b, c, keep);
  if constexpr (kVectorBlock > 2) {
    if (vectors == 2) product_block<kRows, 2>(depth, a, b, c, keep);
    if (vectors == 3) product_block<kRows, 3>(depth, a, b, c, keep);
  }
}

/// c = a b, for 1 to kRowBlock rows and `vectors` whole vectors of columns; with `keep` [rows], row
/// r of c is multiplied by keep[r] and added to.
HWY_INLINE void product(int64_t rows, int64_t vectors, int64_t depth, Left a, Right b, Result c,
                        const float* keep) {
  switch (rows) {
    case 1:
      return product_rows<1>(vectors, depth, a, b, c, keep);
    case 2:
      return product_rows<2>(vectors, depth, a, b, c, keep);
    case 3:
      return product_rows<3>(vectors, depth, a, b, c, keep);
    case 4:
      return product_rows<4>(vectors, depth, a, b, c, keep);
    case 5:
      return product_rows<5>(vectors, depth, a, b, c, keep);
    default:
      return product_rows<6>(vectors, depth, a, b, c, keep);
  }
}

/// Nothing to prepare before products, nor to restore after them.
struct Products {};

/// Rows as an operand of add_over_rows.
HWY_INLINE void load_over_rows(const HeadRows& rows, int64_t first, int64_t count, int64_t width,
                               Word* out) {
  load_right(rows, first, count, width, out);
}

/// sums [count, width] += x^T y over the rows, with x [rows, x_step] from store_pair and
/// y [rows, width] from load_over_rows. For column j of x, all rows before first_row(j), and those
/// from end_row(j) on, are zero and need not have been written, except the other row of a pair.
/// Both grow with j.
template <class FirstRow, class EndRow>
HWY_INLINE void add_over_rows(int64_t rows, int64_t count, int64_t vectors, const Word* x,
                              int64_t x_step, const Word* y, int64_t width, float* sums,
                              float* /*transposed*/, const FirstRow& first_row,
                              const EndRow& end_row) {
  constexpr float kKeep[kRowBlock] = {1, 1, 1, 1, 1, 1};
  for (int64_t j = 0; j < count; j += kRowBlock) {
    const int64_t n = std::min(kRowBlock, count - j);
    const int64_t first = first_row(j) / kPack;
    const int64_t depth = round_up(std::min(rows, end_row(j + n - 1)), kPack) / kPack - first;
    if (depth <= 0) continue;
    product(n, vectors, depth, {x + first * x_step + j, 1, x_step}, {y + first * width, width},
            {sums + j * width, width}, kKeep);
  }
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
