#include "graft/training/forward.h"

namespace graft::training {

mx::array states_of(const models::LayerRunner& runner, const data::Batch& batch,
                    const models::Dropout& dropout) {
  models::Context context = runner.model().context(batch.sequences());
  context.dropout = dropout_of(batch, dropout);
  const mx::array ids(batch.inputs.begin(), {static_cast<int>(batch.tokens())}, mx::int32);
  return runner.hidden(ids, context);
}

models::Dropout dropout_of(const data::Batch& batch, const models::Dropout& dropout) {
  if (!dropout) return dropout;
  models::Dropout of_batch = dropout;
  of_batch->rows = mx::array(batch.rows().begin(), {static_cast<int>(batch.tokens())}, mx::uint32);
  return of_batch;
}

ops::Targets targets_of(const data::Batch& batch) {
  const auto tokens = static_cast<int>(batch.tokens());
  return {mx::array(batch.targets.begin(), {tokens}, mx::int32),
          mx::array(batch.weights.begin(), {tokens}, mx::float32)};
}

}  // namespace graft::training
