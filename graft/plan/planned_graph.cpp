#include "graft/plan/planned_graph.h"

#include <memory>

#include "graft/io/unread_array.h"
#include "graft/training/lazy_step.h"
#include "graft/training/recomputed_layers.h"

namespace graft::plan {
namespace {

// The state as if steps had been done: parameters and moments that are there, and not computed.
training::TrainState unread_state(const training::Optimizer& optimizer,
                                  const models::ParameterSet& parameters) {
  training::TrainState state = optimizer.start(parameters);
  for (training::Moments& moments : state.moments) {
    for (auto& [name, array] : moments) array = io::unread_array(array.shape(), array.dtype());
  }
  return state;
}

}  // namespace

PlannedGraph step_graph(const Subject& subject, const data::Batch& batch) {
  const auto& [model, parameters, options] = subject;
  const auto runner = training::make_runner(model, parameters, options.grad_checkpoint);
  const auto optimizer = training::make_optimizer(options.optimizer);
  const training::LazyStep step =
      training::lazy_step(training::CrossEntropy(), *runner, *optimizer, parameters,
                          unread_state(*optimizer, parameters), {batch},
                          {.rate = 1, .max_norm = options.max_norm, .dropout = {}});
  return {step.results(), step.gradients.arrays()};
}

PlannedGraph validation_graph(const models::Model& model, const data::Batch& batch) {
  const models::LayerRunner runner(model);
  return {{training::CrossEntropy()(runner, batch, {.divisor = batch.weight()}).sum}, {}};
}

size_t state_bytes(const Subject& subject) {
  const auto optimizer = training::make_optimizer(subject.options.optimizer);
  size_t bytes = 0;
  for (const mx::array& array : optimizer->start(subject.parameters).arrays()) {
    bytes += array.nbytes();
  }
  return bytes;
}

}  // namespace graft::plan
