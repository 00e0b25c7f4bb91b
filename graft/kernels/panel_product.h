#pragma once

#include <cstdint>
#include <span>

#include "graft/kernels/linear_weight.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// One term of a sum of products: left [N, depth] times right [depth, columns], where the right
/// operand is a weight [out, in] or its transpose. It is unpacked into cache, a panel of columns at
/// a time.
struct ProductTerm {
  const void* left;  ///< row-major with no gaps
  ScalarType type;   ///< of left
  LinearWeight weight;
  bool transposed;  ///< right = weight^T: depth is in, columns are out; else the other way round
  const float* left_factors = nullptr;  ///< [depth], of left's columns, if not null
  bool left_transposed = false;         ///< left is stored as [depth, N]

  int64_t depth() const { return transposed ? weight.in : weight.out; }
  int64_t columns() const { return transposed ? weight.out : weight.in; }
};

/// A term of low rank, multiplied in f32: scale times left [N, rank] times right [rank, columns].
struct LowRankTerm {
  const float* left;
  const float* right;
  int64_t rank;
  float scale;
};

/// out [N, columns] = the sum of all terms, times `factors` [columns] if not null, and of `bias`
/// [columns], of out's type, if not null. Summed in f32, in an order that does not depend on the
/// number of threads, and rounded once.
struct PanelProduct {
  int64_t rows;
  int64_t columns;
  std::span<const ProductTerm> terms;
  std::span<const LowRankTerm> low_rank = {};
  const void* bias = nullptr;
  void* out;  ///< row-major with no gaps
  ScalarType out_type;
  bool accumulate = false;  ///< adds to what `out` holds
  const float* factors = nullptr;
  bool int8 = false;  ///< the left operand may be rounded to 8 bits a row and group
};

/// The type in which numbers of `type` are multiplied: bf16 for bf16 if the processor has bf16 dot
/// products, else f32. Products of bf16 are exact, their sums f32.
ScalarType product_type(ScalarType type);

/// Whether left operands can be rounded to 8 bits at a gain: where there are dot products of
/// integers, and with weights of up to 4 bits on AVX2 and AVX-512 without them.
bool multiplies_int8();
/// Whether that is so with such weights.
bool multiplies_int8(const LinearWeight& weight);

/// The largest integer that a left operand is rounded to in a product of integers: 32767, or
/// forward with `int8` 127; 0 where the product is none (panel_product).
int largest_integer(const PanelProduct& product);

/// The type to keep a left operand in that a gradient makes from numbers of `type` and multiplies
/// with such a weight: bf16 where that is multiplied, or rounded to integers; else f32.
ScalarType gradient_type(const LinearWeight& weight, ScalarType type);

/// The bytes of `reused_scratch` that a product takes whose left operands, all of `type`, have
/// `rows` rows and these depths.
size_t panel_scratch(int64_t rows, std::span<const int64_t> depths, ScalarType type);

/// How often a product of so many rows unpacks its weights.
int64_t panel_passes(int64_t rows);

/// Computes the sum on all threads. All left operands are of one type. A product with quantized
/// weights in mode affine is one of the integers that are stored: forward with `int8`, where
/// `multiplies_int8` says so; and with a left operand of 16 bits, where integers have dot products
/// and bf16 has none, forward as 16-bit integers with a scale a row and group, and for a gradient
/// as 16-bit integers with a scale a row and 128 numbers, times the groups' scales, rounded to 16
/// bits again.
void panel_product(const PanelProduct& product);

}  // namespace graft::kernels
