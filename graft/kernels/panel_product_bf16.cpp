#include "graft/kernels/panel_units.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/panel_product_bf16.cpp"
#include "graft/kernels/targets.h"
//
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3
#include "graft/kernels/quantized-inl.h"
//
#define GRAFT_WORDS bf16_words
#define GRAFT_WORDS_ATTRIBUTES ",avx512bf16"
#define GRAFT_WORDS_DEPTH_STEP 1
#include "graft/kernels/words_bf16-inl.h"
//
#include "graft/kernels/panel_product-inl.h"
#endif

#if HWY_ONCE
namespace graft::kernels {

#if (HWY_TARGETS & HWY_AVX3) != 0
const PanelKernels* bf16_panel_kernels() {
  static constexpr PanelKernels kKernels = {&N_AVX3::bf16_words::left_words,
                                            &N_AVX3::bf16_words::pack_left_rows,
                                            &N_AVX3::bf16_words::panel_units};
  return &kKernels;
}
#else
const PanelKernels* bf16_panel_kernels() { return nullptr; }
#endif

}  // namespace graft::kernels
#endif
