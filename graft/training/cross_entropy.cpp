#include "graft/training/forward.h"
#include "graft/training/objective.h"

namespace graft::training {

Loss CrossEntropy::operator()(const models::LayerRunner& runner, const data::Batch& batch,
                              const ObjectiveOptions& options) const {
  const auto gradient =
      options.differentiated ? ops::LossGradient::of_sum : ops::LossGradient::none;
  const mx::array h = states_of(runner, batch, options.dropout);
  const ops::Head head = runner.model().head(h, dropout_of(batch, options.dropout));
  const ops::HeadLoss loss = ops::head_loss(h, head, targets_of(batch), options.divisor, gradient);
  return {loss.sum, loss.losses};
}

}  // namespace graft::training
