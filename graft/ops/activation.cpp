#include "graft/ops/activation.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include <cmath>
#include <numbers>

#include "graft/base/error.h"
#include "graft/ops/backend.h"
#include "graft/ops/cpu/activation.h"

namespace graft::ops {
namespace {

// x / 2 (1 + inner(x)) in f32.
template <class Inner>
mx::array gelu(const mx::array& x, Inner&& inner) {
  const mx::array v = mx::astype(x, mx::float32);
  const mx::array y =
      mx::multiply(mx::multiply(v, mx::array(0.5f)), mx::add(inner(v), mx::array(1.0f)));
  return mx::astype(y, x.dtype());
}

mx::array portable(Activation kind, const mx::array& x) {
  switch (kind) {
    case Activation::silu:
      return mx::multiply(x, mx::sigmoid(x));
    case Activation::gelu_tanh:
      return gelu(x, [](const mx::array& v) {
        const float scale = std::sqrt(2 / std::numbers::pi_v<float>);
        const mx::array cubic = mx::multiply(mx::array(0.044715f), mx::multiply(v, mx::square(v)));
        return mx::tanh(mx::multiply(mx::add(v, cubic), mx::array(scale)));
      });
    case Activation::gelu:
      return gelu(x, [](const mx::array& v) {
        return mx::erf(mx::multiply(v, mx::array(1 / std::numbers::sqrt2_v<float>)));
      });
  }
  fail("internal: unknown activation");
}

}  // namespace

mx::array activation(Activation kind, const mx::array& x) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::activation(kind, x, std::nullopt);
#endif
  return portable(kind, x);
}

mx::array gated_activation(Activation kind, const mx::array& gate, const mx::array& up) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::activation(kind, gate, up);
#endif
  return mx::multiply(portable(kind, gate), up);
}

}  // namespace graft::ops
