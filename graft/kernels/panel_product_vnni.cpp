#include "graft/kernels/panel_units.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/panel_product_vnni.cpp"
#include "graft/kernels/targets.h"
//
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3
#include "graft/kernels/integer_gradient-inl.h"
#include "graft/kernels/integer_panel_vnni-inl.h"
#endif

#if HWY_ONCE
namespace graft::kernels {

#if (HWY_TARGETS & HWY_AVX3) != 0
const PanelKernels* integer_panel_kernels(bool int8) {
  using namespace N_AVX3::integer_panel;
  using Panel16 = VnniPanel<N_AVX3::integer_words::Words16>;
  using Panel8 = VnniPanel<N_AVX3::integer_words::Words8>;
  static constexpr PanelKernels k16 = {&left_words<Panel16>, &pack_left_rows<Panel16>,
                                       &panel_units<Panel16>};
  static constexpr PanelKernels k8 = {&left_words<Panel8>, &pack_left_rows<Panel8>,
                                      &panel_units<Panel8>};
  return int8 ? &k8 : &k16;
}

const PanelKernels* integer_gradient_kernels() {
  using namespace N_AVX3::integer_gradients;
  static constexpr PanelKernels kKernels = {&left_words, &pack_left_rows, &panel_units};
  return &kKernels;
}
#else
const PanelKernels* integer_panel_kernels(bool) { return nullptr; }
const PanelKernels* integer_gradient_kernels() { return nullptr; }
#endif

}  // namespace graft::kernels
#endif
