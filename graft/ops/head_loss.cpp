#include "graft/ops/head_loss.h"

#include <mlx/ops.h>

#include <graft_config.h>
#include <algorithm>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/head_loss.h"

namespace graft::ops {
namespace {

constexpr int kChunk = 256;  // tokens

mx::array token_losses(const mx::array& h, const Head& head, const mx::array& targets) {
  mx::array predicted = logits(h, head);
  mx::array chosen =
      mx::take_along_axis(predicted, mx::expand_dims(mx::maximum(targets, mx::array(0)), 1), 1);
  mx::array loss = mx::subtract(mx::logsumexp(predicted, -1), mx::squeeze(chosen, 1));
  return mx::where(mx::less(targets, mx::array(0)), mx::zeros_like(loss), loss);
}

}  // namespace

HeadLoss head_loss(const mx::array& h, const Head& head, const mx::array& targets,
                   bool with_gradient) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::head_loss(h, head, targets, with_gradient);
#endif
  static_cast<void>(with_gradient);  // MLX's own autograd needs no notice
  std::vector<mx::array> chunks;
  for (int begin = 0; begin < h.shape(0); begin += kChunk) {
    int end = std::min(begin + kChunk, h.shape(0));
    chunks.push_back(token_losses(mx::slice(h, {begin, 0}, {end, h.shape(1)}), head,
                                  mx::slice(targets, {begin}, {end})));
  }
  mx::array losses = mx::concatenate(chunks, 0);
  mx::array count = mx::sum(mx::astype(mx::greater_equal(targets, mx::array(0)), mx::float32));
  return {mx::divide(mx::sum(losses), mx::maximum(count, mx::array(1.0f))), losses};
}

}  // namespace graft::ops
