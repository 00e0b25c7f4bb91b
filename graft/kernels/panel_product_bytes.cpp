#include "graft/kernels/dispatch.h"
#include "graft/kernels/panel_units.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/panel_product_bytes.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/integer_panel_bytes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

const PanelKernels* kernels_of_bytes() {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  using namespace integer_panel;
  static constexpr PanelKernels kKernels = {&left_words<BytePanel>, &pack_left_rows<BytePanel>,
                                            &panel_units<BytePanel>};
  return &kKernels;
#else
  return nullptr;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(kernels_of_bytes);

const PanelKernels* byte_panel_kernels() { return GRAFT_DISPATCH(kernels_of_bytes)(); }

}  // namespace graft::kernels
#endif
