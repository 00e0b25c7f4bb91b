#include "graft/ops/linear.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/linear.h"

namespace graft::ops {
namespace {

// x w^T.
mx::array times_transposed(const mx::array& x, const Weight& w) {
  if (!w.quantized()) return mx::matmul(x, mx::transpose(mx::astype(w.weight, x.dtype())));
  const Scaling s = scaling_in(w, x.dtype());
  return mx::quantized_matmul(x, w.weight, s.scales, s.biases, true, w.group_size, w.bits, s.mode);
}

mx::array portable_linear(const mx::array& x, const Projection& p) {
  const Weight& w = p.weight;
  mx::array y = times_transposed(x, w);
  if (p.bias) y = mx::add(y, mx::astype(*p.bias, x.dtype()));
  if (!p.lora) return y;
  mx::array input = mx::astype(p.lora->x.value_or(x), mx::float32);
  mx::array update = mx::matmul(mx::matmul(input, p.lora->a), p.lora->b);
  return mx::add(y, mx::astype(mx::multiply(mx::array(p.lora->scale), update), x.dtype()));
}

}  // namespace

std::vector<mx::array> linear(const mx::array& x, const std::vector<Projection>& projections) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::linear(x, projections);
#endif
  std::vector<mx::array> outputs;
  outputs.reserve(projections.size());
  for (const Projection& p : projections) outputs.push_back(portable_linear(x, p));
  return outputs;
}

}  // namespace graft::ops
