#include "graft/kernels/attention_items.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/attention_amx.cpp"
#include "graft/kernels/targets.h"
//
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3
#define GRAFT_WORDS amx_words
#define GRAFT_WORDS_ATTRIBUTES ",avx512bf16,amx-tile,amx-bf16"
#define GRAFT_WORDS_DEPTH_STEP 16
#include "graft/kernels/words_bf16-inl.h"
//
#include "graft/kernels/product_amx-inl.h"
//
#include "graft/kernels/attention_backward-inl.h"
#endif

#if HWY_ONCE
namespace graft::kernels {

#if (HWY_TARGETS & HWY_AVX3) != 0
ForwardItem amx_forward_item() { return &N_AVX3::amx_words::forward_item; }
BackwardItem amx_backward_item() { return &N_AVX3::amx_words::backward_item; }
#else
ForwardItem amx_forward_item() { return nullptr; }
BackwardItem amx_backward_item() { return nullptr; }
#endif

}  // namespace graft::kernels
#endif
