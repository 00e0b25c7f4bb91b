#include "graft/ops/head_loss.h"
#include "graft/training/objective.h"

namespace graft::training {

Loss CrossEntropy::operator()(const models::LayerRunner& runner, const data::Batch& batch,
                              const ObjectiveOptions& options) const {
  const models::Model& model = runner.model();
  models::Context context = model.context(batch.sequences());
  context.dropout = options.dropout;
  const int tokens = static_cast<int>(batch.tokens());
  const mx::array ids(batch.inputs.begin(), {tokens}, mx::int32);
  const ops::Targets targets{mx::array(batch.targets.begin(), {tokens}, mx::int32),
                             mx::array(batch.weights.begin(), {tokens}, mx::float32)};
  const auto gradient =
      options.differentiated ? ops::LossGradient::of_sum : ops::LossGradient::none;
  const mx::array h = runner.hidden(ids, context);
  const ops::HeadLoss loss =
      ops::head_loss(h, model.head(h, context.dropout), targets, options.divisor, gradient);
  return {loss.sum, loss.losses};
}

}  // namespace graft::training
