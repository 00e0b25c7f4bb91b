#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft::kernels {

/// The instruction set that every kernel runs with: "scalar", "sse4", "avx2", "avx3" (AVX-512 with
/// F, BW, CD, DQ, VL), "avx3_vnni" (with dot products of integers, vpdpwssd and vpdpbusd),
/// "avx3_bf16" (with dot products of bf16, vdpbf16ps), "amx" (with tiles of bf16, tdpbf16ps) or
/// "neon". The best that this processor has, unless the environment variable
/// GRAFT_CPU_ISA names another. Fixed at the first call of this or of any kernel, which throws
/// Error if GRAFT_CPU_ISA is unknown or asks for more than the processor has.
std::string_view isa_name();

/// The instruction sets that kernels were compiled for and this processor has, best first; the last
/// is "scalar".
std::vector<std::string> supported_isas();

/// Sets the instruction set for all following kernel calls; "avx512" is another name for "avx3".
/// Throws Error as `isa_name` does. Not to be called while a kernel runs.
void force_isa(std::string_view name);

/// Whether AVX-512 dot products of integers (vpdpwssd, vpdpbusd) may be used: "avx3_vnni", and the
/// better ones where the processor has them.
bool isa_has_avx512_vnni();

/// Whether AVX-512 dot products of bf16 (vdpbf16ps) may be used: "avx3_bf16" and "amx".
bool isa_has_avx512_bf16();

/// Whether tiles of bf16 may be used: "amx". The operating system has been asked for permission.
bool isa_has_amx_bf16();

}  // namespace graft::kernels
