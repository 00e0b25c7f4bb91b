#include "graft/ops/expert_linear.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/expert_linear.h"

namespace graft::ops {
namespace {

// x [N, in], row n by the transpose of matrix experts[n] of a stack [E, out, in].
mx::array product(const mx::array& x, const mx::array& stack, const mx::array& experts) {
  const mx::array rows = mx::expand_dims(x, 1);
  return mx::squeeze(mx::gather_mm(rows, mx::swapaxes(stack, 1, 2), {}, experts, true), 1);
}

mx::array product(const mx::array& x, const Weight& stack, const mx::array& experts) {
  if (!stack.quantized()) return product(x, mx::astype(stack.weight, x.dtype()), experts);
  const Scaling s = scaling_in(stack, x.dtype());
  const mx::array y = mx::gather_qmm(mx::expand_dims(x, 1), stack.weight, s.scales, s.biases, {},
                                     experts, true, stack.group_size, stack.bits, s.mode);
  return mx::squeeze(y, 1);
}

// Of a quantized stack that is trained: dense, by operations that can be differentiated by scales
// and biases.
mx::array dense_of_groups(const Weight& stack) {
  const mx::array& scales = *stack.scales;
  const mx::array codes =
      mx::dequantize(stack.weight, mx::ones_like(scales), mx::zeros_like(scales), stack.group_size,
                     stack.bits, std::string(name_of(stack.mode)), {}, mx::float32);
  mx::Shape grouped = scales.shape();
  grouped.push_back(stack.group_size);
  const auto of_groups = [](const mx::array& a) { return mx::expand_dims(a, -1); };
  const mx::array numbers = mx::multiply(mx::reshape(codes, grouped), of_groups(scales));
  return mx::reshape(mx::add(numbers, of_groups(*stack.biases)), codes.shape());
}

mx::array portable_expert_linear(const mx::array& x, const mx::array& experts,
                                 const ExpertProjection& p) {
  const ExpertWeights& weights = *p.weights;
  Weight stack = weights.stack ? *weights.stack : stacked(weights.each);
  if (weights.trained && stack.quantized()) stack = {dense_of_groups(stack), {}, {}, 0, 0};
  const mx::array y = product(x, stack, experts);
  if (!p.lora) return y;
  const mx::array input = mx::astype(p.lora->x.value_or(x), mx::float32);
  const mx::array update = product(product(input, p.lora->a, experts), p.lora->b, experts);
  return mx::add(y, mx::astype(mx::multiply(mx::array(p.lora->scale), update), x.dtype()));
}

}  // namespace

std::vector<mx::array> expert_linear(const mx::array& x, const mx::array& experts,
                                     const std::vector<ExpertProjection>& projections) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::expert_linear(x, experts, projections);
#endif
  std::vector<mx::array> outputs;
  outputs.reserve(projections.size());
  for (const ExpertProjection& p : projections) {
    outputs.push_back(portable_expert_linear(x, experts, p));
  }
  return outputs;
}

}  // namespace graft::ops
