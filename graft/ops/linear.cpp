#include "graft/ops/linear.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/linear.h"

#ifdef GRAFT_CPU_KERNELS
#include "graft/kernels/matvec.h"
#endif

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
  const auto bias = [&](const mx::array& sum) {
    return p.bias ? mx::add(sum, mx::astype(*p.bias, x.dtype())) : sum;
  };
  if (!p.lora) return bias(y);
  mx::array input = mx::astype(p.lora->x.value_or(x), mx::float32);
  mx::array update =
      mx::multiply(mx::array(p.lora->scale), mx::matmul(mx::matmul(input, p.lora->a), p.lora->b));
  if (!p.lora->factors) return mx::add(bias(y), mx::astype(update, x.dtype()));
  const mx::array sum = mx::add(mx::astype(y, mx::float32), update);
  return bias(mx::astype(mx::multiply(*p.lora->factors, sum), x.dtype()));
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

int64_t most_few_rows() {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return kernels::kMostFewRows;
#endif
  return 0;
}

}  // namespace graft::ops
