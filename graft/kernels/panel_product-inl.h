// Products with a weight that is unpacked panel by panel. Included once per instruction set, after
// quantized-inl.h and words_f32-inl.h or words_bf16-inl.h, which say what a word is
// (product-inl.h).

#if defined(GRAFT_KERNELS_PANEL_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_PANEL_PRODUCT_INL_H_
#undef GRAFT_KERNELS_PANEL_PRODUCT_INL_H_
#else
#define GRAFT_KERNELS_PANEL_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "graft/kernels/interleave-inl.h"
#include "graft/kernels/panel_output-inl.h"
#include "graft/kernels/panel_units.h"
#include "graft/kernels/quantized-inl.h"
#include "hwy/cache_control.h"

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

static_assert(kDepthStep == 1, "operands are packed to their own depth");

/// Vectors per row of the result such that kUnitRows rows fit in registers.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int64_t kUnitVectors = 4;
#else
constexpr int64_t kUnitVectors = 2;
#endif

/// The columns of a tile. A panel stores each tile contiguously, one depth after another, so that a
/// tile reads its share of the panel from end to end.
constexpr int64_t kTile = kUnitVectors * static_cast<int64_t>(hn::MaxLanes(FloatTag()));
static_assert(kPanel % kTile == 0);

/// Words of depth by which the panel is fetched into the first-level cache ahead of its use.
constexpr int64_t kAhead = 6;

/// Vectors per cache line of 64 bytes, or 1 if a vector is longer.
constexpr int64_t kLineVectors =
    std::max<int64_t>(1, 16 / static_cast<int64_t>(hn::MaxLanes(FloatTag())));

/// Rows of a weight that are packed for one tile before the next.
constexpr int64_t kFetchDepth = 16 * kPack;

/// The number type of an operand that is dequantized before it becomes words.
using Number = std::conditional_t<kPack == 1, float, bf16_t>;
constexpr ScalarType kNumberType = kPack == 1 ? ScalarType::f32 : ScalarType::bf16;

/// Words of a left row that are packed at a time: 6 KB of rows.
constexpr int64_t kLeftDepth = 256;

/// Blocks of left rows that are packed together where they are columns as they are stored, whole
/// vectors of them, and their words of depth at a time: 24 KB.
constexpr int64_t kLeftBlocks = 16;
constexpr int64_t kColumnDepth = 64;

/// Words of depth [begin, begin + depth) of a term, in packed left rows (PanelCall) and in the
/// panel.
struct Segment {
  const Word* left;
  int64_t words;  // of a left row
  int64_t begin;
  int64_t depth;
  const Word* right;  // [kPanel / kTile, depth, kTile]
};

// The products of one panel while it is in cache.
struct PanelWork : PanelOutput {
  static constexpr int kMost = 16;
  Segment segments[kMost];
  int count = 0;
};

// ---- packing

inline int64_t words_of(int64_t depth) { return (depth + kPack - 1) / kPack; }

inline int64_t left_words(const ProductTerm& term) { return words_of(term.depth()); }

inline HeadRows rows_of(const void* data, ScalarType type, int64_t begin, int64_t step,
                        int64_t width) {
  return {
      .data = data, .type = type, .begin = begin, .row_step = step, .group = 1, .head_dim = width};
}

// `count` rows times a factor for each of their columns, as numbers of the product.
inline void multiply_columns(const HeadRows& rows, int64_t count, const float* factors,
                             Number* out) {
  const FloatTag d;
  const int64_t width = rows.head_dim;
  with_type(rows.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    for (int64_t r = 0; r < count; ++r) {
      const T* from = static_cast<const T*>(rows.data) + rows.begin + r * rows.row_step;
      for_vectors(hn::Lanes(d), 0, width, [&](int64_t i, auto lanes) HWY_ATTR {
        store(d, hn::Mul(load(d, from + i, lanes), load(d, factors + i, lanes)),
              out + r * width + i, lanes);
      });
    }
  });
}

// The left rows of blocks [begin, end) of the call, of a term that stores them as columns.
inline void pack_left_columns(const PanelCall& call, const ProductTerm& term, Word* left,
                              int64_t begin, int64_t end) {
  constexpr int64_t kWidth = kLeftBlocks * kUnitRows;
  alignas(64) Word columns[kColumnDepth * kWidth];
  const int64_t depth = term.depth(), words = words_of(depth), step = call.product.rows;
  for (int64_t block = begin; block < end; block += kLeftBlocks) {
    const int64_t first = block * kUnitRows;
    const int64_t count =
        std::min(call.rows, std::min(end, block + kLeftBlocks) * kUnitRows) - first;
    for (int64_t at = 0; at < words; at += kColumnDepth) {
      const int64_t part = std::min(kColumnDepth, words - at);
      load_right(
          rows_of(term.left, term.type, at * kPack * step + call.first_row + first, step, count), 0,
          std::min(part * kPack, depth - at * kPack), kWidth, columns);
      for (int64_t row = 0; row < count; row += kUnitRows) {
        const int64_t rows = std::min(kUnitRows, count - row);
        Word* const out = left + (first + row) * words + at * rows;
        const Word* const from = columns + row;
        if (rows == kUnitRows) {
          for (int64_t k = 0; k < part; ++k) {
            std::memcpy(out + k * kUnitRows, from + k * kWidth, kUnitRows * sizeof(Word));
          }
        } else {
          for (int64_t k = 0; k < part; ++k) {
            std::copy_n(from + k * kWidth, rows, out + k * rows);
          }
        }
      }
    }
  }
}

// The left rows of blocks [begin, end) of the call, of all terms.
inline void pack_left_rows(const PanelCall& call, int64_t begin, int64_t end) {
  alignas(64) Word rows[kUnitRows * kLeftDepth];
  alignas(64) Number scaled[kUnitRows * kLeftDepth * kPack];
  for (size_t t = 0; t < call.product.terms.size(); ++t) {
    const ProductTerm& term = call.product.terms[t];
    const int64_t depth = term.depth(), words = words_of(depth);
    if (term.left_transposed) {
      pack_left_columns(call, term, static_cast<Word*>(call.lefts[t]), begin, end);
      continue;
    }
    for (int64_t block = begin; block < end; ++block) {
      const int64_t row = block * kUnitRows;
      const int64_t count = std::min(kUnitRows, call.rows - row);
      Word* const out = static_cast<Word*>(call.lefts[t]) + row * words;
      for (int64_t at = 0; at < words; at += kLeftDepth) {
        const int64_t part = std::min(kLeftDepth, words - at), step = round_up(part, kMaxLanes);
        const int64_t width = std::min(kLeftDepth * kPack, depth - at * kPack);
        HeadRows left = rows_of(term.left, term.type, (call.first_row + row) * depth + at * kPack,
                                depth, width);
        if (term.left_factors != nullptr) {
          multiply_columns(left, count, term.left_factors + at * kPack, scaled);
          left = rows_of(scaled, kNumberType, 0, width, width);
        }
        load_left(left, 0, count, step, rows);
        interleave_rows(rows, step, count, part, out + at * count);
      }
    }
  }
}

// Writes columns [begin, end) of a row of a weight as numbers of the product.
template <class Dequantize>
HWY_INLINE void write_numbers(const LinearWeight& w, int64_t row, int64_t begin, int64_t end,
                              Number* out, const Dequantize& dequantize) {
  if (w.quantized) return dequantize(row, begin, end, out);
  const FloatTag d;
  with_type(w.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    const T* from = static_cast<const T*>(w.data) + row * w.in + begin;
    for_vectors(hn::Lanes(d), 0, end - begin, [&](int64_t i, auto lanes) HWY_ATTR {
      store(d, load(d, from + i, lanes), out + i, lanes);
    });
  });
}

// Calls body(column, columns, out) for the columns of each tile of a panel of `words` of depth.
template <class Body>
HWY_INLINE void for_tiles(int64_t columns, int64_t words, Word* out, Body&& body) {
  for (int64_t c = 0; c < columns; c += kTile) {
    body(c, std::min(kTile, columns - c), out + c * words);
  }
}

// Like `pack`, but dequantizes to `numbers` first.
template <class Values>
inline void pack_numbers(const LinearWeight& w, bool transposed, int64_t begin, int64_t depth,
                         int64_t column, int64_t columns, int64_t words, Number* numbers,
                         Word* out) {
  const auto dequantize = [&](int64_t row, int64_t first, int64_t end, Number* to) HWY_ATTR {
    dequantize_columns<Values>(w.matrix, row, first, end, to);
  };
  constexpr int64_t kStep = kPackDepth * kPack;
  for (int64_t at = 0; at < depth; at += transposed ? kStep : kPackDepth) {
    if (transposed) {
      const int64_t part = std::min(kStep, depth - at);
      for (int64_t i = 0; i < columns; ++i) {
        write_numbers(w, column + i, begin + at, begin + at + part, numbers + i * kStep,
                      dequantize);
      }
      for_tiles(columns, words, out, [&](int64_t c, int64_t count, Word* to) HWY_ATTR {
        load_right_transposed(rows_of(numbers, kNumberType, c * kStep, kStep, part), 0, count,
                              kTile, to + at / kPack * kTile);
      });
    } else {
      const int64_t part = std::min(kPackDepth, depth - at);
      for (int64_t i = 0; i < part; ++i) {
        write_numbers(w, begin + at + i, column, column + columns, numbers + i * kPanel,
                      dequantize);
      }
      for_tiles(columns, words, out, [&](int64_t c, int64_t count, Word* to) HWY_ATTR {
        load_right(rows_of(numbers, kNumberType, c, kPanel, count), 0, part, kTile,
                   to + at / kPack * kTile);
      });
    }
  }
}

// Packs numbers [begin, begin + depth) of a term's depth, columns [column, column + columns), into
// `words` words of depth of a panel, padding the columns with zeros to a whole vector.
inline void pack(const ProductTerm& term, int64_t begin, int64_t depth, int64_t column,
                 int64_t columns, int64_t words, float* scratch, Word* out) {
  const LinearWeight& w = term.weight;
  if (!w.quantized && (kPack == 1 || w.type == kNumberType)) {
    if (term.transposed) {
      return for_tiles(columns, words, out, [&](int64_t c, int64_t count, Word* to) HWY_ATTR {
        load_right_transposed(rows_of(w.data, w.type, (column + c) * w.in + begin, w.in, depth), 0,
                              count, kTile, to);
      });
    }
    // A few rows at a time, so that each tile finds in the cache what the one before it fetched.
    for (int64_t at = 0; at < depth; at += kFetchDepth) {
      const int64_t part = std::min(kFetchDepth, depth - at);
      for_tiles(columns, words, out, [&](int64_t c, int64_t count, Word* to) HWY_ATTR {
        load_right(rows_of(w.data, w.type, (begin + at) * w.in + column + c, w.in, count), 0, part,
                   kTile, to + at / kPack * kTile);
      });
    }
    return;
  }
  Number* const numbers = reinterpret_cast<Number*>(scratch);
  const auto pack_as = [&](auto values) HWY_ATTR {
    pack_numbers<decltype(values)>(w, term.transposed, begin, depth, column, columns, words,
                                   numbers, out);
  };
  if (!w.quantized) return pack_as(Integers<8>());
  with_values(w.matrix, pack_as);
}

// ---- the tile

// Rows [row, row + kRows), vectors [vector, vector + kVectors) of the panel.
template <int kRows, int kVectors>
HWY_NOINLINE void tile(const PanelWork& work, int64_t row, int64_t vector) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  FloatVec sum[kRows][kVectors];
  load_sums(work, row, vector, sum);
  for (int s = 0; s < work.count; ++s) {
    const Segment& segment = work.segments[s];
    const Word* left =
        segment.left + (row - work.call->first_row) * segment.words + segment.begin * kRows;
    const Word* right = segment.right + vector * lanes * segment.depth;
    HWY_UNROLL(4)
    for (int64_t k = 0; k < segment.depth; ++k) {
      WordVec b[kVectors];
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) {
        b[v] = load_words(right + v * lanes);
        if (v % kLineVectors == 0) hwy::Prefetch(right + v * lanes + kAhead * kTile);
      }
      HWY_UNROLL(6)
      for (int r = 0; r < kRows; ++r) {
        const WordVec a = broadcast_word(left + r);
        HWY_UNROLL(4)
        for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(a, b[v], sum[r][v]);
      }
      left += kRows;
      right += kTile;
    }
  }
  store_sums(work, row, vector, sum);
}

// The panel's `vectors` vectors of rows [row, row + kRows).
template <int kRows>
HWY_INLINE void tiles(const PanelWork& work, int64_t row, int64_t vectors) {
  int64_t v = 0;
  for (; v + kUnitVectors <= vectors; v += kUnitVectors) tile<kRows, kUnitVectors>(work, row, v);
  if constexpr (kUnitVectors > 2) {
    if (vectors - v == 3) return tile<kRows, 3>(work, row, v);
    if (vectors - v == 2) return tile<kRows, 2>(work, row, v);
  }
  if (vectors - v == 1) tile<kRows, 1>(work, row, v);
}

// Rows [row, end) of the panel's `vectors` vectors, a block of rows at a time: its left rows are
// in the first-level cache for the panel's second and further tiles.
HWY_INLINE void multiply(const PanelWork& work, int64_t row, int64_t end, int64_t vectors) {
  for_blocks(row, end, [&](int64_t at, auto rows) HWY_ATTR {
    tiles<decltype(rows)::value>(work, at, vectors);
  });
}

// ---- the units

// Rows [row, end) of one panel, kCallRows at most. If the operands do not all fit in the panel at
// once, the sums of the rows are kept from one filling to the next.
inline void panel_rows(const PanelCall& call, const PanelScratch& s, PanelWork& work, int64_t row,
                       int64_t end, int64_t columns, int64_t vectors) {
  const PanelProduct& p = call.product;
  Word* const panel = reinterpret_cast<Word*>(s.panel);
  int64_t used = 0;
  work.first_row = row;
  work.count = 0;
  work.resume = false;
  work.finish = false;
  const auto flush = [&]() HWY_ATTR {
    multiply(work, row, end, vectors);
    work.resume = true;
    work.count = 0;
    used = 0;
  };
  for (size_t t = 0; t < p.terms.size(); ++t) {
    const ProductTerm& term = p.terms[t];
    const int64_t depth = term.depth();
    for (int64_t begin = 0; begin < depth;) {
      const int64_t needed = words_of(depth - begin);
      if (work.count == PanelWork::kMost || (used > 0 && used + needed > kPanelDepth)) {
        flush();
      }
      const int64_t part = std::min(depth - begin, (kPanelDepth - used) * kPack);
      const int64_t words = words_of(part);
      Word* const to = panel + used * kPanel;
      pack(term, begin, part, work.column, columns, words, s.rows, to);
      work.segments[work.count++] = {static_cast<const Word*>(call.lefts[t]), words_of(depth),
                                     begin / kPack, words, to};
      used += words;
      begin += part;
    }
  }
  work.finish = true;
  multiply(work, row, end, vectors);
}

inline void panel_units(const PanelCall& call, const PanelScratch& s, int64_t begin, int64_t end) {
  for_panels(call, s, begin, end, [&](const PanelOutput& output, const PanelRows& rows) HWY_ATTR {
    PanelWork work{output, {}, 0};
    panel_rows(call, s, work, rows.begin, rows.end, rows.columns, rows.vectors);
  });
}

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
