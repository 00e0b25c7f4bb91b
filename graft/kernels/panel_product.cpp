#include "graft/kernels/panel_product.h"

#include <algorithm>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/isa.h"
#include "graft/kernels/panel_units.h"
#include "graft/kernels/parallel.h"
#include "graft/kernels/partition.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/panel_product.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/quantized-inl.h"
//
#include "graft/kernels/words_f32-inl.h"
//
#include "graft/kernels/panel_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

PanelKernels f32_panel_kernels() {
  return {&f32_words::left_words, &f32_words::pack_left_rows, &f32_words::panel_units};
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(f32_panel_kernels);

namespace {

constexpr double kGrain = 1 << 18;  // multiplications that are worth a thread

bool has_bf16_products() { return isa_has_avx512_bf16() && bf16_panel_kernels() != nullptr; }

// Whether its numbers are whole ones times a group's scale.
bool is_of_integers(const LinearWeight& weight) {
  return weight.quantized && has_biases(weight.matrix.mode) &&
         weight.matrix.group_size >= 32;  // MLX's mode affine has no smaller ones
}

// A packed left operand of up to kCallRows rows, of so many words each, in whole blocks.
void* take_left(Carver& carver, int64_t rows, int64_t words) {
  return carver.take<uint32_t>(round_up(std::min(rows, kCallRows), kUnitRows) * words);
}

// Room for the packed left operands.
std::vector<void*> left_rows(const PanelProduct& product, const PanelKernels& kernels) {
  std::vector<void*> lefts;
  const auto take_all = [&](Carver carver) {
    lefts.clear();
    for (const ProductTerm& term : product.terms) {
      lefts.push_back(take_left(carver, product.rows, kernels.left_words(term)));
    }
    return carver.used();
  };
  take_all(Carver(reused_scratch(take_all(Carver(nullptr)))));
  return lefts;
}

void run_call(const PanelCall& call, const PanelKernels& kernels) {
  double depth = 1;
  for (const ProductTerm& term : call.product.terms) depth += static_cast<double>(term.depth());
  const UnitGrid grid{(call.rows + kUnitRows - 1) / kUnitRows,
                      (call.product.columns + kPanel - 1) / kPanel};
  const auto worth =
      static_cast<int64_t>(depth * kUnitRows * kPanel * static_cast<double>(grid.units()) / kGrain);
  const int64_t threads = std::clamp<int64_t>(worth, 1, num_threads());

  parallel_ranges(grid.blocks, threads == 1 ? grid.blocks : 1,
                  [&](int64_t begin, int64_t end) { kernels.pack_left_rows(call, begin, end); });
  const std::vector<int64_t> cuts = cut_units(grid, threads);
  run_parts(static_cast<int64_t>(cuts.size()) - 1, [&](int64_t part, int) {
    static thread_local AlignedBlock block;
    if (block == nullptr) {
      Carver size(nullptr);
      PanelScratch{size};
      block = allocate_aligned(size.used());
    }
    Carver carver(block.get());
    const auto at = static_cast<size_t>(part);
    kernels.units(call, PanelScratch(carver), cuts[at], cuts[at + 1]);
  });
}

bool has_integer_dots() { return isa_has_avx512_vnni() && integer_gradient_kernels() != nullptr; }

PanelKernels kernels_for(const PanelProduct& product, ScalarType type) {
  if (largest_integer(product) > 0) {
    if (!product.terms[0].transposed) return *integer_gradient_kernels();
    return has_integer_dots() ? *integer_panel_kernels(product.int8) : *byte_panel_kernels();
  }
  return type == ScalarType::bf16 ? *bf16_panel_kernels() : GRAFT_DISPATCH(f32_panel_kernels)();
}

void check(const PanelProduct& product, ScalarType type) {
  for (const ProductTerm& term : product.terms) {
    if (term.columns() != product.columns || product_type(term.type) != type) {
      fail("internal: the terms of a sum of products do not fit each other");
    }
  }
}

}  // namespace

ScalarType product_type(ScalarType type) {
  return type == ScalarType::bf16 && has_bf16_products() ? ScalarType::bf16 : ScalarType::f32;
}

bool multiplies_int8() { return has_integer_dots() || byte_panel_kernels() != nullptr; }

bool multiplies_int8(const LinearWeight& weight) {
  return multiplies_int8() && is_of_integers(weight) &&
         (has_integer_dots() || weight.matrix.bits <= kMostByteBits);
}

int largest_integer(const PanelProduct& product) {
  const std::span<const ProductTerm> terms = product.terms;
  if (terms.empty() || !multiplies_int8()) return 0;
  const bool forward = terms[0].transposed;
  const auto fits = [&](const ProductTerm& term) {
    const LinearWeight& w = term.weight;
    return term.transposed == forward && term.type == terms[0].type && is_of_integers(w) &&
           w.matrix.group_size == terms[0].weight.matrix.group_size &&
           term.left_factors == nullptr && !term.left_transposed &&
           (forward || term.depth() % kGradientDepthStep == 0);
  };
  if (!std::all_of(terms.begin(), terms.end(), fits) || (forward && terms.size() > 1)) return 0;
  const bool int8 = forward && product.int8;
  if (int8) return multiplies_int8(terms[0].weight) ? 127 : 0;
  if (!has_integer_dots()) return 0;
  return terms[0].type == ScalarType::f32 || has_bf16_products() ? 0 : 32767;
}

ScalarType gradient_type(const LinearWeight& weight, ScalarType type) {
  LinearWeight rows = weight;
  rows.out = kGradientDepthStep;
  const ProductTerm term{nullptr, type, rows, false};
  const PanelProduct product{
      .rows = 1, .columns = rows.in, .terms = {&term, 1}, .out = nullptr, .out_type = type};
  return largest_integer(product) > 0 ? ScalarType::bf16 : product_type(type);
}

int64_t panel_passes(int64_t rows) { return (rows + kCallRows - 1) / kCallRows; }

size_t panel_scratch(int64_t rows, std::span<const int64_t> depths, ScalarType type) {
  Carver size(nullptr);
  const int64_t pack = product_type(type) == ScalarType::bf16 ? 2 : 1;  // numbers of a word
  for (const int64_t depth : depths) take_left(size, rows, (depth + pack - 1) / pack);
  return size.used();
}

void panel_product(const PanelProduct& product) {
  if (product.rows == 0) return;
  const ScalarType type =
      product.terms.empty() ? ScalarType::f32 : product_type(product.terms[0].type);
  check(product, type);
  const PanelKernels kernels = kernels_for(product, type);
  const std::vector<void*> lefts = left_rows(product, kernels);
  for (int64_t row = 0; row < product.rows; row += kCallRows) {
    run_call({product, row, std::min(kCallRows, product.rows - row), lefts.data()}, kernels);
  }
}

}  // namespace graft::kernels
#endif
