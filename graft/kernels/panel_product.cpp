#include "graft/kernels/panel_product.h"

#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/isa.h"
#include "graft/kernels/panel_units.h"
#include "graft/kernels/parallel.h"

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
constexpr int64_t kPieces = 4;      // the most per thread, so that none waits long for another

bool has_bf16_products() { return isa_has_avx512_bf16() && bf16_panel_kernels() != nullptr; }

// A packed left operand of up to kCallRows rows, of so many words each.
void* take_left(Carver& carver, int64_t rows, int64_t words) {
  return carver.take<uint32_t>(std::min(rows, kCallRows) * words);
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

// Where the parts of the units begin, and the end of the last. Each thread that works on a panel
// must unpack it, so parts are whole panels. Only panels left over after every thread has had
// equally many are divided by rows among all threads.
std::vector<int64_t> cut_units(int64_t blocks, int64_t panels, int64_t threads) {
  std::vector<int64_t> cuts = {0};
  if (threads == 1) {
    cuts.push_back(blocks * panels);
    return cuts;
  }
  const int64_t whole = panels / threads * threads;
  const int64_t pieces = std::min(whole, threads * kPieces);
  for (int64_t i = 1; i <= pieces; ++i) cuts.push_back(whole * i / pieces * blocks);
  const int64_t left = (panels - whole) * blocks;
  for (int64_t i = 1; left > 0 && i <= threads; ++i) {
    cuts.push_back(whole * blocks + left * i / threads);
  }
  return cuts;
}

void run_call(const PanelCall& call, const PanelKernels& kernels) {
  const int64_t blocks = (call.rows + kUnitRows - 1) / kUnitRows;
  const int64_t panels = (call.product.columns + kPanel - 1) / kPanel;
  double depth = 1;
  for (const ProductTerm& term : call.product.terms) depth += static_cast<double>(term.depth());
  const double unit = depth * static_cast<double>(kUnitRows * kPanel);
  const bool alone = unit * static_cast<double>(blocks * panels) < 2 * kGrain;
  const int64_t threads = alone ? 1 : num_threads();

  parallel_ranges(blocks, alone ? blocks : 1,
                  [&](int64_t begin, int64_t end) { kernels.pack_left_rows(call, begin, end); });
  const std::vector<int64_t> cuts = cut_units(blocks, panels, threads);
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

int largest_integer(const PanelProduct& product) {
  if (product.terms.size() != 1 || !isa_has_avx512_vnni()) return 0;
  if (integer_panel_kernels(product.int8) == nullptr) return 0;
  const ProductTerm& term = product.terms[0];
  const LinearWeight& w = term.weight;
  if (!term.transposed || !w.quantized || !has_biases(w.matrix.mode)) return 0;
  if (w.matrix.group_size < 32) return 0;  // which MLX's mode affine does not have
  if (term.left_factors != nullptr || term.left_transposed) return 0;
  if (product.int8) return 127;
  return term.type == ScalarType::f32 || has_bf16_products() ? 0 : 32767;
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
  const PanelKernels kernels = largest_integer(product) > 0 ? *integer_panel_kernels(product.int8)
                               : type == ScalarType::bf16   ? *bf16_panel_kernels()
                                                            : GRAFT_DISPATCH(f32_panel_kernels)();
  const std::vector<void*> lefts = left_rows(product, kernels);
  for (int64_t row = 0; row < product.rows; row += kCallRows) {
    run_call({product, row, std::min(kCallRows, product.rows - row), lefts.data()}, kernels);
  }
}

}  // namespace graft::kernels
#endif
