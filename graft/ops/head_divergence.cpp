#include "graft/ops/head_divergence.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <vector>

#include "graft/base/error.h"
#include "graft/ops/divergence.h"
#include "graft/ops/weight.h"

namespace graft::ops {
namespace {

constexpr int kTokensAtOnce = 128;

// Of the scores that the head gives states, by these.
mx::array gradient_of_states(const mx::array& states, const Head& head,
                             const mx::array& by_scores) {
  const auto scores_of = [&head](const std::vector<mx::array>& h) {
    return std::vector<mx::array>{logits(h[0], head)};
  };
  return mx::vjp(scores_of, {states}, {by_scores}).second[0];
}

}  // namespace

HeadDivergence head_divergence(const Predictions& predicted, const Predictions& wanted,
                               const mx::array& weights, double divisor, bool differentiated) {
  if (differentiated && predicted.head.lora && predicted.head.lora->x) {
    fail("internal: a divergence is differentiated by states alone, and the update has others");
  }
  const mx::array shares = mx::divide(weights, mx::array(static_cast<float>(divisor)));
  const auto all = [&](const std::vector<mx::array>& inputs) -> std::vector<mx::array> {
    std::vector<mx::array> tokens, gradients;
    for (int begin = 0; begin < inputs[0].shape(0); begin += kTokensAtOnce) {
      const int end = std::min(begin + kTokensAtOnce, inputs[0].shape(0));
      const mx::array states = rows_of(inputs[0], begin, end);
      const Head head = head_of_rows(predicted.head, begin, end);
      const Divergence chunk = divergence(
          logits(states, head),
          logits(rows_of(wanted.states, begin, end), head_of_rows(wanted.head, begin, end)),
          rows_of(shares, begin, end), differentiated);
      tokens.push_back(chunk.rows);
      if (!chunk.gradient) continue;
      gradients.push_back(gradient_of_states(states, head, *chunk.gradient));
    }
    const mx::array each = mx::concatenate(tokens, 0);
    std::vector<mx::array> outputs = {mx::sum(mx::multiply(each, shares)), each};
    if (!gradients.empty()) outputs.push_back(mx::concatenate(gradients, 0));
    return outputs;
  };
  const auto gradient = [](const std::vector<mx::array>&, const std::vector<mx::array>& cotangents,
                           const std::vector<mx::array>& outputs) -> std::vector<mx::array> {
    return {mx::astype(mx::multiply(cotangents[0], outputs[2]), outputs[2].dtype())};
  };
  const std::vector<mx::array> outputs =
      differentiated ? mx::custom_vjp(all, gradient)({predicted.states}) : all({predicted.states});
  return {outputs[0], outputs[1]};
}

}  // namespace graft::ops
