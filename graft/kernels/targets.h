#pragma once

// The instruction sets that the kernels are compiled for, chosen before any Highway header. SSE4 is
// the oldest: what is older runs the scalar code. HWY_COMPILE_ALL_ATTAINABLE keeps that code where
// every processor has more, as on 64-bit ARM, so that it can be asked for and is tested. Every
// kernel file includes this header right after it defines HWY_TARGET_INCLUDE, and again reaches
// itself through it, once an instruction set.
#define HWY_COMPILE_ALL_ATTAINABLE
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#ifdef HWY_TARGET_INCLUDE
#include <hwy/foreach_target.h>
#endif
