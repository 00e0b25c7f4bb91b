#include "graft/kernels/attention_items.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/attention_bf16.cpp"
#include "graft/kernels/targets.h"
//
#include "hwy/highway.h"

#if HWY_TARGET == HWY_AVX3
#define GRAFT_WORDS bf16_words
#define GRAFT_WORDS_ATTRIBUTES ",avx512bf16"
#define GRAFT_WORDS_DEPTH_STEP 1
#include "graft/kernels/words_bf16-inl.h"
//
#include "graft/kernels/product-inl.h"
//
#include "graft/kernels/attention_backward-inl.h"
#endif

#if HWY_ONCE
namespace graft::kernels {

#if (HWY_TARGETS & HWY_AVX3) != 0
ForwardItem bf16_forward_item() { return &N_AVX3::bf16_words::forward_item; }
BackwardItem bf16_backward_item() { return &N_AVX3::bf16_words::backward_item; }
#else
ForwardItem bf16_forward_item() { return nullptr; }
BackwardItem bf16_backward_item() { return nullptr; }
#endif

}  // namespace graft::kernels
#endif
