// Small dense products of bf16 in AMX's tiles: the counterpart of product-inl.h, with the same
// operands, whose depth is a multiple of 16 words. Included only for HWY_AVX3, after
// words_bf16-inl.h.

#if defined(GRAFT_KERNELS_PRODUCT_AMX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_PRODUCT_AMX_INL_H_
#undef GRAFT_KERNELS_PRODUCT_AMX_INL_H_
#else
#define GRAFT_KERNELS_PRODUCT_AMX_INL_H_
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "graft/kernels/product_operands-inl.h"
#include "graft/kernels/simd-inl.h"

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

/// The rows of a tile, and the words per row.
constexpr int64_t kTile = 16;

/// Rows of a result that share one pass over the right operand: two tiles.
constexpr int64_t kRowBlock = 2 * kTile;

/// The tiles are configured for its lifetime.
class Products {
 public:
  Products() {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0;
      uint8_t reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    asm volatile("" ::"m"(config));
    _tile_loadconfig(&config);
  }
  ~Products() { _tile_release(); }
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;
};

// c = a b or c += a b, for kRows x kColumns tiles. Tiles 0 to 3 are c, 4 and 5 a, 6 and 7 b.
template <int kRows, int kColumns>
HWY_NOINLINE void tile_block(int64_t depth, Left a, Right b, Result c, bool add) {
  const int64_t a_bytes = a.row_step * 4, b_bytes = b.row_step * 4, c_bytes = c.row_step * 4;
  const int64_t a_next = kTile * a.row_step, c_next = kTile * c.row_step;
  // The intrinsics do not tell the compiler that they read memory.
  asm volatile("" ::: "memory");
  if (add) {
    _tile_loadd(0, c.data, c_bytes);
    if constexpr (kColumns > 1) _tile_loadd(1, c.data + kTile, c_bytes);
    if constexpr (kRows > 1) _tile_loadd(2, c.data + c_next, c_bytes);
    if constexpr (kRows > 1 && kColumns > 1) _tile_loadd(3, c.data + c_next + kTile, c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = 0; k < depth; k += kTile) {
    _tile_loadd(4, a.data, a_bytes);
    _tile_loadd(6, b.data, b_bytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kColumns > 1) {
      _tile_loadd(7, b.data + kTile, b_bytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (kRows > 1) {
      _tile_loadd(5, a.data + a_next, a_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (kColumns > 1) _tile_dpbf16ps(3, 5, 7);
    }
    a.data += kTile;
    b.data += kTile * b.row_step;
  }
  _tile_stored(0, c.data, c_bytes);
  if constexpr (kColumns > 1) _tile_stored(1, c.data + kTile, c_bytes);
  if constexpr (kRows > 1) _tile_stored(2, c.data + c_next, c_bytes);
  if constexpr (kRows > 1 && kColumns > 1) _tile_stored(3, c.data + c_next + kTile, c_bytes);
}

template <int kRows>
HWY_INLINE void tile_columns(int64_t columns, int64_t depth, Left a, Right b, Result c, bool add) {
  for (; columns >= 2; columns -= 2) {
    tile_block<kRows, 2>(depth, a, b, c, add);
    b.data += 2 * kTile;
    c.data += 2 * kTile;
  }
  if (columns > 0) tile_block<kRows, 1>(depth, a, b, c, add);
}

/// c = a b, for 1 to kRowBlock rows, `vectors` times 16 columns, and a.depth_step 1; with `keep`
/// [rows], row r of c is multiplied by keep[r] and added to. Reads and writes whole tiles of rows:
/// the contents of surplus rows do not affect the others.
HWY_INLINE void product(int64_t rows, int64_t vectors, int64_t depth, Left a, Right b, Result c,
                        const float* keep) {
  const FloatTag d;
  for (int64_t r = 0; keep != nullptr && r < rows; ++r) {
    if (keep[r] == 1.0f) continue;
    float* row = c.data + r * c.row_step;
    for (int64_t i = 0; i < vectors * kTile; i += kTile) {
      hn::StoreU(hn::Mul(hn::Set(d, keep[r]), hn::LoadU(d, row + i)), d, row + i);
    }
  }
  if (rows > kTile) {
    tile_columns<2>(vectors, depth, a, b, c, keep != nullptr);
  } else {
    tile_columns<1>(vectors, depth, a, b, c, keep != nullptr);
  }
}

/// Rows as an operand of add_over_rows: a left operand [width, rows] in pairs of rows, with zeros
/// up to a whole tile; row_step is width.
inline void load_over_rows(const HeadRows& rows, int64_t first, int64_t count, int64_t width,
                           Word* out) {
  const bf16_t* data = static_cast<const bf16_t*>(rows.data);
  const int64_t row_step = round_up(count, 2 * kTile) / 2;
  RowCursor cursor(rows, first);
  for (int64_t r = 0; r < count; r += 2 * kTile) {
    const bf16_t* row[2 * kTile];
    for (int64_t j = 0; j < 2 * kTile; ++j) row[j] = r + j < count ? data + cursor.next() : nullptr;
    for (int64_t i = 0; i < width; i += kTile) {
      const __mmask16 mask = first16(rows.head_dim - i);
      const auto part = [&](int64_t j) HWY_ATTR {
        return row[j] == nullptr ? _mm256_setzero_si256()
                                 : _mm256_maskz_loadu_epi16(mask, row[j] + i);
      };
      __m512i x[kTile];
      for (int64_t j = 0; j < kTile; ++j) x[j] = interleave(part(2 * j), part(2 * j + 1));
      transpose_16x16(x);
      for (int64_t j = 0; j < kTile; ++j) {
        _mm512_storeu_si512(out + (i + j) * row_step + r / 2, x[j]);
      }
    }
  }
}

/// sums [count, width] += x^T y over the rows, with x [rows, x_step] from store_pair and y from
/// load_over_rows. For column j of x, all rows before first_row(j), and those from end_row(j) on,
/// are zero and need not have been written, except those of the same block. Both grow with j.
/// Computes y^T x, because its operands suit the tiles, into `transposed` [width, count].
template <class FirstRow, class EndRow>
HWY_INLINE void add_over_rows(int64_t rows, int64_t count, int64_t vectors, const Word* x,
                              int64_t x_step, const Word* y, int64_t width, float* sums,
                              float* transposed, const FirstRow& first_row, const EndRow& end_row) {
  const FloatTag d;
  const int64_t y_step = round_up(rows, 2 * kTile) / 2;
  for (int64_t j = 0; j < count; j += 2 * kTile) {
    const int64_t n = std::min(2 * kTile, count - j);
    const int64_t first = first_row(j) / (2 * kTile) * kTile;
    const int64_t depth = round_up(std::min(rows, end_row(j + n - 1)), 2 * kTile) / 2 - first;
    if (depth <= 0) continue;
    for (int64_t i = 0; i < vectors * kTile; i += 2 * kTile) {
      product(std::min(2 * kTile, vectors * kTile - i), (n + kTile - 1) / kTile, depth,
              {y + i * y_step + first, y_step, 1}, {x + first * x_step + j, x_step},
              {transposed + i * kKeyTile, kKeyTile}, nullptr);
    }
    for (int64_t k = 0; k < n; k += kTile) {
      for (int64_t i = 0; i < vectors * kTile; i += kTile) {
        __m512i t[kTile];
        for (int64_t l = 0; l < kTile; ++l) {
          t[l] = _mm512_loadu_si512(transposed + (i + l) * kKeyTile + k);
        }
        transpose_16x16(t);
        for (int64_t l = 0; l < std::min(kTile, n - k); ++l) {
          float* to = sums + (j + k + l) * width + i;
          hn::StoreU(hn::Add(hn::LoadU(d, to), FloatVec{_mm512_castsi512_ps(t[l])}), d, to);
        }
      }
    }
  }
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
