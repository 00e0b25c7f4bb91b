#include "graft/ops/norm.h"

#include <graft_config.h>
#include <mlx/fast.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/norm.h"

namespace graft::ops {
namespace {

// A weight of float32 is not rounded to h's type: Gemma's 1 + w would lose bits.
mx::array portable_rms_norm(const mx::array& h, const mx::array& weight, float eps) {
  return mx::astype(mx::fast::rms_norm(h, weight, eps), h.dtype());
}

mx::array portable_layer_norm(const mx::array& h, const mx::array& weight,
                              const std::optional<mx::array>& bias, float eps) {
  std::optional<mx::array> typed_bias;
  if (bias) typed_bias = mx::astype(*bias, h.dtype());
  return mx::fast::layer_norm(h, mx::astype(weight, h.dtype()), typed_bias, eps);
}

}  // namespace

mx::array rms_norm(const mx::array& h, const mx::array& weight, float eps) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::add_rms_norm(h, std::nullopt, weight, eps).normed;
#endif
  return portable_rms_norm(h, weight, eps);
}

AddNorm add_rms_norm(const mx::array& h, const mx::array& delta, const mx::array& weight,
                     float eps) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::add_rms_norm(h, delta, weight, eps);
#endif
  mx::array sum = mx::add(h, delta);
  return {sum, portable_rms_norm(sum, weight, eps)};
}

mx::array layer_norm(const mx::array& h, const mx::array& weight,
                     const std::optional<mx::array>& bias, float eps) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::add_layer_norm(h, std::nullopt, weight, bias, eps).normed;
#endif
  return portable_layer_norm(h, weight, bias, eps);
}

AddNorm add_layer_norm(const mx::array& h, const mx::array& delta, const mx::array& weight,
                       const std::optional<mx::array>& bias, float eps) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::add_layer_norm(h, delta, weight, bias, eps);
#endif
  mx::array sum = mx::add(h, delta);
  return {sum, portable_layer_norm(sum, weight, bias, eps)};
}

}  // namespace graft::ops
