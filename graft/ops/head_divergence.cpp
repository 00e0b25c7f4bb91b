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

// With scales and biases from what is differentiated, if they are: [states, scales, biases].
Head with_scales(Head head, const std::vector<mx::array>& inputs) {
  if (inputs.size() == 1) return head;
  head.weight.scales = inputs[1];
  head.weight.biases = inputs[2];
  return head;
}

// Of what is differentiated, states first, by the scores that the head makes of it.
std::vector<mx::array> gradients_of(const std::vector<mx::array>& inputs, const Head& head,
                                    const mx::array& by_scores) {
  const auto scores_of = [&head](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{logits(in[0], with_scales(head, in))};
  };
  return mx::vjp(scores_of, inputs, {by_scores}).second;
}

}  // namespace

HeadDivergence head_divergence(const Predictions& predicted, const Predictions& wanted,
                               const mx::array& weights, double divisor,
                               DivergenceGradient wanted_gradient) {
  const bool differentiated = wanted_gradient != DivergenceGradient::none;
  std::vector<mx::array> by = {predicted.states};
  if (wanted_gradient == DivergenceGradient::of_states_and_scales) {
    const Weight& weight = predicted.head.weight;
    by.insert(by.end(), {weight.scales.value(), weight.biases.value()});
  }
  if (differentiated && predicted.head.lora && predicted.head.lora->x) {
    fail("internal: a divergence is differentiated by states alone, and the update has others");
  }
  const mx::array shares = mx::divide(weights, mx::array(static_cast<float>(divisor)));
  const auto all = [&](const std::vector<mx::array>& inputs) -> std::vector<mx::array> {
    std::vector<mx::array> tokens, of_states, of_scales;
    for (int begin = 0; begin < inputs[0].shape(0); begin += kTokensAtOnce) {
      const int end = std::min(begin + kTokensAtOnce, inputs[0].shape(0));
      std::vector<mx::array> own = inputs;
      own[0] = rows_of(inputs[0], begin, end);
      const Head head = head_of_rows(with_scales(predicted.head, inputs), begin, end);
      const Divergence chunk = divergence(
          logits(own[0], head),
          logits(rows_of(wanted.states, begin, end), head_of_rows(wanted.head, begin, end)),
          rows_of(shares, begin, end), differentiated);
      tokens.push_back(chunk.rows);
      if (!chunk.gradient) continue;
      const std::vector<mx::array> gradients = gradients_of(own, head, *chunk.gradient);
      of_states.push_back(gradients[0]);
      for (size_t i = 1; i < gradients.size(); ++i) {
        if (of_scales.size() < i) {
          of_scales.push_back(gradients[i]);
        } else {
          of_scales[i - 1] = mx::add(of_scales[i - 1], gradients[i]);
        }
      }
    }
    const mx::array each = mx::concatenate(tokens, 0);
    std::vector<mx::array> outputs = {mx::sum(mx::multiply(each, shares)), each};
    if (!of_states.empty()) outputs.push_back(mx::concatenate(of_states, 0));
    outputs.insert(outputs.end(), of_scales.begin(), of_scales.end());
    return outputs;
  };
  const auto gradient = [](const std::vector<mx::array>&, const std::vector<mx::array>& cotangents,
                           const std::vector<mx::array>& outputs) -> std::vector<mx::array> {
    std::vector<mx::array> gradients;
    for (size_t i = 2; i < outputs.size(); ++i) {
      gradients.push_back(mx::astype(mx::multiply(cotangents[0], outputs[i]), outputs[i].dtype()));
    }
    return gradients;
  };
  const std::vector<mx::array> outputs =
      differentiated ? mx::custom_vjp(all, gradient)(by) : all(by);
  return {outputs[0], outputs[1]};
}

}  // namespace graft::ops
