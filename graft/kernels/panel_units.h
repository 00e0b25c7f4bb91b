#pragma once

#include <cstddef>
#include <cstdint>

#include "graft/kernels/operands.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/scratch.h"

// What the driver of panel products (panel_product.cpp) and the code of each instruction set
// (panel_product-inl.h) share. Not for other callers.
namespace graft::kernels {

/// Columns of a panel.
constexpr int64_t kPanel = 64;

/// Rows of a result that share one pass over a panel.
constexpr int64_t kUnitRows = 6;

/// The deepest panel, in words: 512 KB, which stays in a second-level cache.
constexpr int64_t kPanelDepth = 2048;

/// The most rows of a call: their left operands are packed together, and each panel is filled once
/// for all of them. If the depth exceeds one panel, their sums (384 KB) are kept for the panel
/// below it.
constexpr int64_t kCallRows = 256 * kUnitRows;

/// Words of depth that are dequantized at a time before they are packed: 32 KB.
constexpr int64_t kPackDepth = 128;

/// The most groups of a panel of integers: of 32 numbers, four to a word.
constexpr int64_t kPanelGroups = kPanelDepth * 4 / 32;

/// The most words of depth of a panel of integers for a gradient, and the groups of its columns.
constexpr int64_t kFoldedWords = 512;
constexpr int64_t kFoldedGroups = kPanel / 32;

/// What one thread needs: a panel, sums of rows, dequantized rows, a bias, factors; for a panel of
/// integers the scales and biases of its groups, and for a gradient's those of its rows, and a
/// block of rows that was multiplied with them.
struct PanelScratch {
  uint32_t* panel;
  float* sums;
  float* rows;
  float* bias;
  float* factors;
  float* group_scales;
  float* group_biases;
  uint32_t* folded_scales;
  uint32_t* folded_biases;
  uint32_t* folded;

  explicit PanelScratch(Carver& carver)
      : panel(carver.take<uint32_t>((kPanelDepth + kMaxLanes) * kPanel)),
        sums(carver.take<float>(kCallRows * kPanel)),
        rows(carver.take<float>(kPackDepth * kPanel)),
        bias(carver.take<float>(kPanel)),
        factors(carver.take<float>(kPanel)),
        group_scales(carver.take<float>(kPanelGroups * kPanel)),
        group_biases(carver.take<float>(kPanelGroups * kPanel)),
        folded_scales(carver.take<uint32_t>(kFoldedGroups * kFoldedWords * kUnitRows)),
        folded_biases(carver.take<uint32_t>(kFoldedGroups * kFoldedWords * kUnitRows)),
        folded(carver.take<uint32_t>(kFoldedGroups * kFoldedWords * kUnitRows)) {}
};

/// The rows [first_row, first_row + rows) of a product, kCallRows at most, with their left operands
/// as words: lefts[i] is that of terms[i], in blocks of kUnitRows rows (the last may have fewer),
/// each [words of depth, rows of the block], so that a tile reads its block from end to end.
struct PanelCall {
  PanelProduct product;
  int64_t first_row;
  int64_t rows;
  void* const* lefts;
};

/// The code of one instruction set and type of words.
struct PanelKernels {
  /// The words that a packed left row of a term takes.
  int64_t (*left_words)(const ProductTerm& term);
  /// Fills `lefts` with the blocks [begin, end).
  void (*pack_left_rows)(const PanelCall& call, int64_t begin, int64_t end);
  /// Computes units [begin, end). Unit panel * ceil(rows / kUnitRows) + block is the block's rows
  /// of a panel's columns.
  void (*units)(const PanelCall& call, const PanelScratch& scratch, int64_t begin, int64_t end);
};

/// With dot products of bf16; null where graft is not compiled for them.
const PanelKernels* bf16_panel_kernels();

/// With multiplications of bytes (vpmaddubsw): for a product with one term, forward, whose left
/// operand may be rounded to 8 bits and whose weight is quantized in mode affine with at most so
/// many bits. Null where the instruction set in use has none, or is not known to be faster with
/// them.
constexpr int kMostByteBits = 4;
const PanelKernels* byte_panel_kernels();

/// With dot products of integers (vpdpwssd; vpdpbusd with the left operand in 8 bits), for a
/// product with one term, forward, whose weight is quantized in mode affine. Null where graft is
/// not compiled for them.
const PanelKernels* integer_panel_kernels(bool int8);

/// The same for a gradient of x, of terms whose weights are quantized in groups of one size and
/// whose depths are multiples of kGradientDepthStep.
constexpr int64_t kGradientDepthStep = 16;
const PanelKernels* integer_gradient_kernels();

}  // namespace graft::kernels
