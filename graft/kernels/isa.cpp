#include "graft/kernels/isa.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>

#include "graft/base/error.h"
#include "graft/kernels/dispatch.h"
#include "graft/kernels/targets.h"
#include "hwy/highway.h"

#if HWY_ARCH_X86
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace graft::kernels {
namespace {

struct Isa {
  std::string name;
  int64_t target;  // Highway's bit; a lower bit is a better target
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool amx_bf16 = false;
};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// Highway falls back to plain loops or to one lane at a time, depending on the compiler.
std::string name_of(int64_t target) {
  bool fallback = (target & (HWY_SCALAR | HWY_EMU128)) != 0;
  return fallback ? "scalar" : lower(hwy::TargetName(target));
}

bool processor_has_avx512_vnni() {
#if HWY_ARCH_X86
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  // Leaf 7: ECX bit 11 is AVX512_VNNI.
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && ((ecx >> 11) & 1) != 0;
#else
  return false;
#endif
}

bool processor_has_avx512_bf16() {
#if HWY_ARCH_X86
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  // Leaf 7, subleaf 1: EAX bit 5 is AVX512_BF16.
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && ((eax >> 5) & 1) != 0;
#else
  return false;
#endif
}

// Requests the tiles' state with ARCH_REQ_XCOMP_PERM, once per process: Linux saves it only then.
bool processor_has_amx_bf16() {
#if HWY_ARCH_X86_64 && defined(__linux__)
  constexpr long kRequest = 0x1023, kTileData = 18;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  // Leaf 7: EDX bit 22 is AMX-BF16, bit 24 AMX-TILE.
  const bool has = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && ((edx >> 22) & 1) != 0 &&
                   ((edx >> 24) & 1) != 0;
  return has && syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
#else
  return false;
#endif
}

// Instruction sets that the compiler assumes are present even if Highway does not report them: for
// NEON, Highway 1.0.3 also requires the AES instructions, which no kernel uses and the Raspberry Pi
// 4 lacks.
int64_t supported_targets() {
  return (hwy::SupportedTargets() | HWY_ENABLED_BASELINE) & HWY_TARGETS;
}

std::vector<Isa> find_supported() {
  std::vector<Isa> result;
  for (int64_t targets = supported_targets(); targets != 0; targets &= targets - 1) {
    int64_t target = targets & -targets;
    if (target == HWY_AVX3) {
      const bool vnni = processor_has_avx512_vnni();
      if (processor_has_avx512_bf16()) {
        if (processor_has_amx_bf16()) result.push_back({"amx", target, vnni, true, true});
        result.push_back({"avx3_bf16", target, vnni, true});
      }
      if (vnni) result.push_back({"avx3_vnni", target, true});
    }
    if (name_of(target) != "scalar") result.push_back({name_of(target), target});
  }
  if ((HWY_TARGETS & (HWY_SCALAR | HWY_EMU128)) != 0) result.push_back({"scalar", 0});
  return result;
}

const std::vector<Isa>& supported() {
  static const std::vector<Isa> isas = find_supported();
  return isas;
}

const Isa& find(std::string_view name, std::string_view asked_by) {
  std::string wanted = lower(name);
  if (wanted == "avx512") wanted = "avx3";
  for (const Isa& isa : supported()) {
    if (isa.name == wanted) return isa;
  }
  fail("{} \"{}\" is not an instruction set that this processor and build have: give one of {}",
       asked_by, name, fmt::join(supported_isas(), ", "));
}

const Isa* use(const Isa& isa) {
  hwy::GetChosenTarget().Update(isa.target);
  return &isa;
}

const Isa* choose() {
  const char* wanted = std::getenv("GRAFT_CPU_ISA");
  bool given = wanted != nullptr && *wanted != '\0';
  return use(given ? find(wanted, "GRAFT_CPU_ISA") : supported().front());
}

const Isa*& chosen() {
  static const Isa* isa = choose();
  return isa;
}

}  // namespace

std::string_view isa_name() { return chosen()->name; }

std::vector<std::string> supported_isas() {
  std::vector<std::string> names;
  for (const Isa& isa : supported()) names.push_back(isa.name);
  return names;
}

void force_isa(std::string_view name) { chosen() = use(find(name, "the instruction set")); }

bool isa_has_avx512_vnni() { return chosen()->avx512_vnni; }

bool isa_has_avx512_bf16() { return chosen()->avx512_bf16; }

bool isa_has_amx_bf16() { return chosen()->amx_bf16; }

void ensure_isa() { chosen(); }

}  // namespace graft::kernels
