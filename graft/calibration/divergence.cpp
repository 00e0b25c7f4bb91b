#include "graft/calibration/divergence.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <utility>

#include "graft/ops/head_divergence.h"
#include "graft/training/evaluation.h"
#include "graft/training/forward.h"

namespace graft::calibration {
namespace {

// Of these batches, in turn, while nobody says to stop.
training::Measurement measurement_of(const std::vector<data::Batch>& batches,
                                     const FrontEnd& front_end) {
  return {.count = batches.size(), .batch = [&](size_t i) {
            front_end.check_cancelled();
            return batches[i];
          }};
}

}  // namespace

Divergence::Divergence(const std::vector<data::Batch>& batches, const Predicted& wanted,
                       bool tunes_head)
    : head_(wanted.head), tunes_head_(tunes_head) {
  for (size_t i = 0; i < batches.size(); ++i) {
    states_.insert({batches[i].examples, wanted.states[i]});
  }
}

training::Loss Divergence::operator()(const models::LayerRunner& runner, const data::Batch& batch,
                                      const training::ObjectiveOptions& options) const {
  const mx::array states = training::states_of(runner, batch, options.dropout);
  const ops::Head head = runner.model().head(states, options.dropout);
  using Gradient = ops::DivergenceGradient;
  const Gradient gradient = !options.differentiated ? Gradient::none
                            : tunes_head_           ? Gradient::of_states_and_scales
                                                    : Gradient::of_states;
  const ops::HeadDivergence divergence =
      ops::head_divergence({states, head}, {states_.at(batch.examples), head_},
                           training::targets_of(batch).weights, options.divisor, gradient);
  return {divergence.sum, divergence.tokens};
}

Predicted predictions_of(const models::Model& model, const std::vector<data::Batch>& batches,
                         const FrontEnd& front_end) {
  const models::LayerRunner runner(model);
  std::vector<mx::array> states;
  for (const data::Batch& batch : batches) {
    front_end.check_cancelled();
    states.push_back(training::states_of(runner, batch));
    states.back().eval();
  }
  // Without dropout it is the same whatever it reads.
  ops::Head head = model.head(mx::zeros({0, 1}), {});
  return {std::move(states), std::move(head)};
}

double mean_loss(const models::Model& model, const std::vector<data::Batch>& batches,
                 const FrontEnd& front_end) {
  const models::LayerRunner runner(model);
  training::Measurement loss = measurement_of(batches, front_end);
  loss.means = [&](size_t, const data::Batch& batch, double weight) {
    return std::vector<mx::array>{training::CrossEntropy()(runner, batch, {.divisor = weight}).sum};
  };
  return training::measure(loss).values[0];
}

Comparison compare(const models::Model& model, const std::vector<data::Batch>& batches,
                   const Predicted& wanted, const FrontEnd& front_end) {
  const models::LayerRunner runner(model);
  training::Measurement both = measurement_of(batches, front_end);
  both.names = {"the loss", "the divergence from the adapted model"};
  both.means = [&](size_t i, const data::Batch& batch, double weight) {
    const mx::array states = training::states_of(runner, batch);
    const ops::Head head = model.head(states, {});
    const ops::Targets targets = training::targets_of(batch);
    return std::vector<mx::array>{
        ops::head_loss(states, head, targets, weight, ops::LossGradient::none).sum,
        ops::head_divergence({states, head}, {wanted.states[i], wanted.head}, targets.weights,
                             weight, ops::DivergenceGradient::none)
            .sum};
  };
  const training::Means means = training::measure(both);
  return {means.values[0], means.values[1]};
}

}  // namespace graft::calibration
