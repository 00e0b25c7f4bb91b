#include "graft/ops/head_loss.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include <algorithm>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/head_loss.h"

namespace graft::ops {
namespace {

constexpr int kChunk = 256;  // tokens

mx::array token_losses(const mx::array& h, const Head& head, const Targets& targets) {
  const mx::array none = mx::equal(targets.weights, mx::array(0.0f));
  const mx::array ids = mx::where(none, mx::zeros_like(targets.ids), targets.ids);
  mx::array predicted = logits(h, head);
  mx::array chosen = mx::take_along_axis(predicted, mx::expand_dims(ids, 1), 1);
  mx::array loss = mx::subtract(mx::logsumexp(predicted, -1), mx::squeeze(chosen, 1));
  return mx::where(none, mx::zeros_like(loss), loss);
}

}  // namespace

HeadLoss head_loss(const mx::array& h, const Head& head, const Targets& targets, double divisor,
                   LossGradient gradient) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::head_loss(h, head, targets, divisor, gradient);
#endif
  static_cast<void>(gradient);  // MLX's own autograd needs no notice
  std::vector<mx::array> chunks;
  for (int begin = 0; begin < h.shape(0); begin += kChunk) {
    int end = std::min(begin + kChunk, h.shape(0));
    chunks.push_back(token_losses(
        mx::slice(h, {begin, 0}, {end, h.shape(1)}), head_of_rows(head, begin, end),
        {mx::slice(targets.ids, {begin}, {end}), mx::slice(targets.weights, {begin}, {end})}));
  }
  mx::array losses = mx::concatenate(chunks, 0);
  mx::array sum = mx::sum(mx::multiply(losses, targets.weights));
  return {mx::divide(sum, mx::array(static_cast<float>(divisor))), losses};
}

}  // namespace graft::ops
