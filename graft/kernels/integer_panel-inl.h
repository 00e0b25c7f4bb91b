// Products of quantized weights, as the integers that they are stored as, with x rounded to
// integers with a scale for each row and group. With scales s, t and bias b of a group,
// y += s t sum(q n) + b t sum(n). `Panel` says which integers, and packs and multiplies them
// (integer_panel_vnni-inl.h, integer_panel_bytes-inl.h). Included once per instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_INTEGER_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_INTEGER_PANEL_INL_H_
#undef GRAFT_KERNELS_INTEGER_PANEL_INL_H_
#else
#define GRAFT_KERNELS_INTEGER_PANEL_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "graft/kernels/group_rounding-inl.h"
#include "graft/kernels/interleave-inl.h"
#include "graft/kernels/panel_groups-inl.h"
#include "graft/kernels/panel_output-inl.h"
#include "graft/kernels/panel_units.h"
#include "graft/kernels/quantized-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace integer_panel {

/// Integers along the depth of a product, Panel::kPack of them.
using Word = uint32_t;

constexpr int64_t kMostGroup = 128;

// ---- the left operand: a block of rows is [words, rows], then scales and sums [groups, rows].

template <class Panel>
int64_t left_words(const ProductTerm& term) {
  const int64_t depth = term.depth();
  return depth / Panel::kPack + 2 * (depth / term.weight.matrix.group_size);
}

template <class Panel>
void pack_left_rows(const PanelCall& call, int64_t begin, int64_t end) {
  constexpr int64_t kStep = kMostGroup / Panel::kPack;
  alignas(64) Word rows[kUnitRows * kStep];
  const ProductTerm& term = call.product.terms[0];
  const int64_t depth = term.depth(), group = term.weight.matrix.group_size;
  const int64_t groups = depth / group, group_words = group / Panel::kPack;
  const int64_t step = left_words<Panel>(term);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t row = block * kUnitRows, count = std::min(kUnitRows, call.rows - row);
    Word* const out = static_cast<Word*>(call.lefts[0]) + row * step;
    auto* const scales = reinterpret_cast<float*>(out + count * (depth / Panel::kPack));
    float* const sums = scales + count * groups;
    with_type(term.type, [&](auto tag) HWY_ATTR {
      using T = decltype(tag);
      const T* x = static_cast<const T*>(term.left) + (call.first_row + row) * depth;
      for (int64_t g = 0; g < groups; ++g) {
        for (int64_t r = 0; r < count; ++r) {
          round_group(x + r * depth + g * group, group, Panel::kLargest,
                      reinterpret_cast<typename Panel::X*>(rows + r * kStep),
                      scales + g * count + r, sums + g * count + r);
        }
        interleave_rows(rows, kStep, count, group_words, out + g * group_words * count);
      }
    });
  }
}

// ---- the panel

/// The products of one panel while it is in cache: groups [first_group, first_group + groups).
struct Work : PanelOutput {
  const Word* left;
  int64_t left_words;   // of a row, with scales and sums
  int64_t depth_words;  // of a row, without
  int64_t all_groups;   // of a row
  int64_t group_words;
  int64_t first_group, groups;
  const Word* panel;    // [kPanel / Panel::kTile, groups * group_words, Panel::kTile]
  const float* scales;  // [groups, kPanel]
  const float* biases;
};

/// What a tile reads of a block of kRows rows: from the panel's first group on.
struct LeftBlock {
  const Word* words;    // [depth, kRows]
  const float* scales;  // [groups, kRows]
  const float* sums;
};

template <int kRows>
HWY_INLINE LeftBlock left_block(const Work& work, int64_t row) {
  const Word* const block = work.left + (row - work.call->first_row) * work.left_words;
  const auto* const scales =
      reinterpret_cast<const float*>(block + work.depth_words * kRows) + work.first_group * kRows;
  return {block + work.first_group * work.group_words * kRows, scales,
          scales + work.all_groups * kRows};
}

template <class Panel, int kRows>
HWY_INLINE void tiles(const Work& work, int64_t row, int64_t vectors) {
  int64_t v = 0;
  for (; v + Panel::kTileVectors <= vectors; v += Panel::kTileVectors) {
    Panel::template tile<kRows, Panel::kTileVectors>(work, row, v);
  }
  if (v < vectors) Panel::template tile<kRows, 1>(work, row, v);
}

template <class Panel>
void panel_units(const PanelCall& call, const PanelScratch& s, int64_t begin, int64_t end) {
  const ProductTerm& term = call.product.terms[0];
  const QuantizedMatrix& m = term.weight.matrix;
  const int64_t group_words = m.group_size / Panel::kPack, groups = m.columns / m.group_size;
  const int64_t most = kPanelDepth / group_words;
  for_panels(call, s, begin, end, [&](const PanelOutput& output, const PanelRows& rows) HWY_ATTR {
    Work work{output,
              static_cast<const Word*>(call.lefts[0]),
              left_words<Panel>(term),
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
        using Values = decltype(values);
        if constexpr (Values::kBiased && Values::kBits <= Panel::kMostBits) {
          Panel::template pack<Values::kBits>(m, first, work.groups, output.column, rows.columns,
                                              s);
        }
      });
      pack_group_numbers(m, first, work.groups, output.column, rows.columns, s);
      for_blocks(rows.begin, rows.end, [&](int64_t row, auto count) HWY_ATTR {
        tiles<Panel, decltype(count)::value>(work, row, rows.vectors);
      });
    }
  });
}

}  // namespace integer_panel

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
