#include "graft/ops/backend.h"

#include <graft_config.h>
#include <mlx/backend/metal/metal.h>
#include <mlx/device.h>

#include <cstdlib>
#include <string_view>

#ifdef GRAFT_CPU_KERNELS
#include "graft/kernels/isa.h"
#include "graft/kernels/panel_product.h"
#include "graft/ops/cpu/weight.h"
#else
#include "graft/base/error.h"
#endif

namespace graft::ops {
namespace {

thread_local int in_scope = -1;  // -1: not set
thread_local bool at_once = false;
thread_local bool without_gradient = false;
thread_local Activations activations = Activations::exact;

bool default_choice() {
#ifdef GRAFT_CPU_KERNELS
  static const bool asked_for_mlx = [] {
    const char* text = std::getenv("GRAFT_KERNELS");
    return text != nullptr && std::string_view(text) == "mlx";
  }();
  return !asked_for_mlx && mlx::core::default_device() == mlx::core::Device::cpu;
#else
  return false;
#endif
}

}  // namespace

bool has_cpu_kernels() {
#ifdef GRAFT_CPU_KERNELS
  return true;
#else
  return false;
#endif
}

CpuKernels cpu_kernels() {
#ifdef GRAFT_CPU_KERNELS
  using kernels::ScalarType;
  const bool bf16 = kernels::product_type(ScalarType::bf16) == ScalarType::bf16;
  return {std::string(kernels::isa_name()),
          kernels::supported_isas(),
          kernels::isa_has_avx512_vnni(),
          kernels::isa_has_avx512_bf16(),
          kernels::isa_has_amx_bf16(),
          bf16,
          !bf16 && kernels::isa_has_avx512_vnni()};
#else
  fail("internal: the CPU kernels are not built in");
#endif
}

bool use_cpu_kernels() { return in_scope >= 0 ? in_scope == 1 : default_choice(); }

std::string path_in_use() {
  if (use_cpu_kernels()) return "graft_cpu";
  if (mlx::core::default_device() != mlx::core::Device::gpu) return "mlx_cpu";
  return mlx::core::metal::is_available() ? "mlx_metal" : "mlx_cuda";
}

mlx::core::Dtype quantized_activation_dtype() {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) {
    const CpuKernels kernels = cpu_kernels();
    if (!kernels.multiplies_bf16 && !kernels.multiplies_integers) return mlx::core::float32;
  }
#endif
  return mlx::core::bfloat16;
}

RunAtOnce::RunAtOnce() : saved_(at_once) { at_once = true; }

RunAtOnce::~RunAtOnce() { at_once = saved_; }

bool runs_at_once() { return at_once && use_cpu_kernels(); }

ActivationsScope::ActivationsScope(Activations wanted) : saved_(activations) {
  activations = wanted;
}

ActivationsScope::~ActivationsScope() { activations = saved_; }

Activations activations_in_use() { return activations; }

WithoutGradient::WithoutGradient() : saved_(without_gradient) { without_gradient = true; }

WithoutGradient::~WithoutGradient() { without_gradient = saved_; }

bool has_int8_products() {
#ifdef GRAFT_CPU_KERNELS
  return use_cpu_kernels() && kernels::multiplies_int8();
#else
  return false;
#endif
}

bool has_int8_products(const Weight& weight) {
#ifdef GRAFT_CPU_KERNELS
  return has_int8_products() && kernels::multiplies_int8(cpu::describe(weight));
#else
  (void)weight;
  return false;
#endif
}

bool takes_int8() {
  return activations == Activations::int8 && (without_gradient || at_once) && has_int8_products();
}

KernelsScope::KernelsScope(Kernels kernels) : saved_(in_scope) {
  if (kernels == Kernels::mlx) in_scope = 0;
  if (kernels == Kernels::own) in_scope = has_cpu_kernels() ? 1 : 0;
}

KernelsScope::~KernelsScope() { in_scope = saved_; }

}  // namespace graft::ops
