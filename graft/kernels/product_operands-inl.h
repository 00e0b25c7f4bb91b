// The operands and results of products, however they are computed. Included once per instruction
// set and kind of words, after words_f32-inl.h or words_bf16-inl.h.

#if defined(GRAFT_KERNELS_PRODUCT_OPERANDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_PRODUCT_OPERANDS_INL_H_
#undef GRAFT_KERNELS_PRODUCT_OPERANDS_INL_H_
#else
#define GRAFT_KERNELS_PRODUCT_OPERANDS_INL_H_
#endif

#include <cstdint>

GRAFT_BEFORE_WORDS();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace GRAFT_WORDS {

/// The left operand: element (row, depth) is data[row * row_step + depth * depth_step].
struct Left {
  const Word* data;
  int64_t row_step, depth_step;
};

/// The right operand [depth, columns], rows `row_step` apart.
struct Right {
  const Word* data;
  int64_t row_step;
};

struct Result {
  float* data;
  int64_t row_step;
};

}  // namespace GRAFT_WORDS
}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
GRAFT_AFTER_WORDS();

#endif
