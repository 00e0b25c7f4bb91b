#pragma once

// The instruction sets that the kernels are compiled for, chosen before any Highway header. SSE4 is
// the oldest; older processors run the scalar code. HWY_COMPILE_ALL_ATTAINABLE keeps that code even
// where every processor has more, as on 64-bit ARM, so that it can be selected and tested. Every
// kernel file includes this header right after it defines HWY_TARGET_INCLUDE; the header then
// includes that file again, once per instruction set.
#define HWY_COMPILE_ALL_ATTAINABLE
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#ifdef HWY_TARGET_INCLUDE
#include <hwy/foreach_target.h>
#endif
