#include "graft/calibration/divergence.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/ops/head_divergence.h"
#include "graft/training/evaluation.h"
#include "graft/training/forward.h"

namespace graft::calibration {
namespace {

// The divergence only from what is given.
Comparison means_of(const models::Model& model, const std::vector<data::Batch>& batches,
                    const std::optional<Predicted>& wanted, const FrontEnd& front_end) {
  const models::LayerRunner runner(model);
  Comparison sums{0, 0};
  double weight = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    front_end.check_cancelled();
    const data::Batch& batch = batches[i];
    const double own = batch.weight();
    if (!(own > 0)) continue;
    const mx::array states = training::states_of(runner, batch);
    const ops::Head head = model.head(states, {});
    const ops::Targets targets = training::targets_of(batch);
    mx::array loss = ops::head_loss(states, head, targets, own, ops::LossGradient::none).sum;
    sums.loss += own * static_cast<double>(loss.item<float>());
    if (wanted) {
      mx::array divergence = ops::head_divergence({states, head}, {wanted->states[i], wanted->head},
                                                  targets.weights, own, false)
                                 .sum;
      sums.divergence += own * static_cast<double>(divergence.item<float>());
    }
    weight += own;
  }
  if (weight == 0) fail("no token of the texts carries loss: there is nothing to measure");
  if (!std::isfinite(sums.loss) || !std::isfinite(sums.divergence)) {
    throw training::NotFinite(
        "the loss, or the divergence from the adapted model, is not finite: weights of the model "
        "or its adapter are not, or are too large to compute with");
  }
  return {sums.loss / weight, sums.divergence / weight};
}

}  // namespace

Divergence::Divergence(const std::vector<data::Batch>& batches, const Predicted& wanted)
    : head_(wanted.head) {
  for (size_t i = 0; i < batches.size(); ++i) {
    states_.insert({batches[i].examples, wanted.states[i]});
  }
}

training::Loss Divergence::operator()(const models::LayerRunner& runner, const data::Batch& batch,
                                      const training::ObjectiveOptions& options) const {
  const mx::array states = training::states_of(runner, batch, options.dropout);
  const ops::Head head = runner.model().head(states, options.dropout);
  const ops::HeadDivergence divergence = ops::head_divergence(
      {states, head}, {states_.at(batch.examples), head_}, training::targets_of(batch).weights,
      options.divisor, options.differentiated);
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
  return means_of(model, batches, {}, front_end).loss;
}

Comparison compare(const models::Model& model, const std::vector<data::Batch>& batches,
                   const Predicted& wanted, const FrontEnd& front_end) {
  return means_of(model, batches, wanted, front_end);
}

}  // namespace graft::calibration
