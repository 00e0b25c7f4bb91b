#include "graft/plan/planned_graph.h"

#include <memory>

#include "graft/io/unread_array.h"
#include "graft/ops/norm_of.h"
#include "graft/training/in_place_step.h"
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
  const auto runner = training::make_runner(model, parameters, options);
  const auto optimizer = training::make_optimizer(options.optimizer);
  const training::LazyStep step =
      training::lazy_step(training::CrossEntropy(), *runner, *optimizer, parameters,
                          unread_state(*optimizer, parameters), {batch},
                          {.rate = 1, .max_norm = options.max_norm, .dropout = {}});
  return {step.results(), step.gradients.arrays()};
}

PlannedStages in_place_stages(const Subject& subject, const data::Batch& batch) {
  const auto& [model, parameters, options] = subject;
  const auto runner = training::make_runner(model, parameters, options);
  const auto optimizer = training::make_optimizer(options.optimizer);
  training::TrainState state = unread_state(*optimizer, parameters);
  training::Gradients gradients(parameters, batch.weight());
  gradients.add(training::CrossEntropy(), *runner, batch, {});
  PlannedStages planned{{gradients.token_losses()}, {}};
  planned.stages[0].push_back(gradients.loss());
  const bool layer_by_layer = options.max_norm == 0 && options.batches_a_step == 1;
  if (!layer_by_layer) planned.kept = gradients.arrays();
  std::vector<std::vector<mx::array>> updates;
  for (const std::vector<size_t>& indices : training::by_layer(parameters)) {
    std::vector<mx::array> norms, next;
    for (const size_t i : indices) {
      norms.push_back(ops::norm_of(gradients.arrays()[i]));
      optimizer->step(parameters.all()[i].name, state.parameters[i], state.moments[i],
                      gradients.arrays()[i], 1, 1);
      next.push_back(state.parameters[i]);
      for (const auto& [name, array] : state.moments[i]) next.push_back(array);
    }
    planned.stages.push_back(std::move(norms));
    (layer_by_layer ? planned.stages : updates).push_back(std::move(next));
  }
  planned.stages.insert(planned.stages.end(), updates.begin(), updates.end());
  return planned;
}

std::vector<mx::array> outputs_of_step(const Subject& subject, const data::Batch& batch) {
  if (!training::goes_in_place(subject.parameters)) return step_graph(subject, batch).outputs;
  std::vector<mx::array> all;
  for (const auto& stage : in_place_stages(subject, batch).stages) {
    all.insert(all.end(), stage.begin(), stage.end());
  }
  return all;
}

PlannedGraph validation_graph(const Subject& subject, const data::Batch& batch) {
  const models::LayerRunner runner(subject.model, subject.options.trunk);
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
