#include "graft/kernels/panel_product.h"

#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/convert.h"
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

void panel_units_f32(const PanelCall& call, const PanelScratch& scratch, int64_t begin,
                     int64_t end) {
  f32_words::panel_units(call, scratch, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(panel_units_f32);

namespace {

constexpr double kGrain = 1 << 18;  // multiplications that are worth a thread
constexpr int64_t kPieces = 4;      // of a thread at most, so that none waits long for another

bool has_bf16_products() { return isa_has_avx512_bf16() && bf16_panel_units() != nullptr; }

// Left operands as words: themselves, or copies of another type or with a depth of whole pairs.
class Lefts {
 public:
  Lefts(const PanelProduct& product, ScalarType type) {
    Carver size(nullptr);
    for (const ProductTerm& term : product.terms)
      size.take<std::byte>(copy_bytes(product, term, type));
    Carver carver(reused_scratch(size.used()));
    for (const ProductTerm& term : product.terms) {
      auto* copy = carver.take<std::byte>(copy_bytes(product, term, type));
      const int64_t depth = term.depth();
      const bool pairs = type == ScalarType::bf16;
      steps_.push_back(pairs ? (depth + 1) / 2 : depth);
      if (copy_bytes(product, term, type) == 0) {
        data_.push_back(term.left);
        continue;
      }
      data_.push_back(copy);
      if (!pairs) {
        convert(term.type, term.left, type, copy, product.rows * depth);
        continue;
      }
      const auto* from = static_cast<const bf16_t*>(term.left);
      auto* to = reinterpret_cast<bf16_t*>(copy);
      for (int64_t i = 0; i < product.rows; ++i) {
        std::copy_n(from + i * depth, depth, to + i * (depth + 1));
        to[i * (depth + 1) + depth] = {};
      }
    }
  }

  const void* const* data() const { return data_.data(); }
  const int64_t* steps() const { return steps_.data(); }

 private:
  static int64_t copy_bytes(const PanelProduct& product, const ProductTerm& term, ScalarType type) {
    const int64_t depth = term.depth();
    if (type == ScalarType::f32) return term.type == type ? 0 : product.rows * depth * 4;
    return depth % 2 == 0 ? 0 : product.rows * (depth + 1) * 2;
  }

  std::vector<const void*> data_;
  std::vector<int64_t> steps_;
};

// Where the parts of the units begin, and the end of the last. A panel that threads share is
// unpacked by each of them: so parts are whole panels, but for those left over when every thread
// has had as many as the others, whose rows they share out.
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

void panel_product(const PanelProduct& product) {
  if (product.rows == 0) return;
  const ScalarType type =
      product.terms.empty() ? ScalarType::f32 : product_type(product.terms[0].type);
  check(product, type);
  const Lefts lefts(product, type);
  const PanelCall call{product, lefts.data(), lefts.steps()};
  const PanelUnits units =
      type == ScalarType::bf16 ? bf16_panel_units() : GRAFT_DISPATCH(panel_units_f32);

  const int64_t blocks = (product.rows + kUnitRows - 1) / kUnitRows;
  const int64_t panels = (product.columns + kPanel - 1) / kPanel;
  double depth = 1;
  for (const ProductTerm& term : product.terms) depth += static_cast<double>(term.depth());
  const double unit = depth * static_cast<double>(kUnitRows * kPanel);
  const bool alone = unit * static_cast<double>(blocks * panels) < 2 * kGrain;
  const std::vector<int64_t> cuts = cut_units(blocks, panels, alone ? 1 : num_threads());
  run_parts(static_cast<int64_t>(cuts.size()) - 1, [&](int64_t part, int) {
    static thread_local AlignedBlock block;
    if (block == nullptr) {
      Carver size(nullptr);
      PanelScratch{size};
      block = allocate_aligned(size.used());
    }
    Carver carver(block.get());
    const auto at = static_cast<size_t>(part);
    units(call, PanelScratch(carver), cuts[at], cuts[at + 1]);
  });
}

}  // namespace graft::kernels
#endif
