#include "graft/training/lazy_step.h"

#include <mlx/ops.h>

#include <numeric>
#include <utility>

namespace graft::training {
namespace {

// The norm is among them: where it overflows, so do the squares that optimizers keep.
mx::array all_finite(const Gradients& gradients, const mx::array& norm) {
  mx::array all = mx::isfinite(norm);
  for (const mx::array& g : gradients.arrays())
    all = mx::logical_and(all, mx::all(mx::isfinite(g)));
  return all;
}

mx::array all_finite(const TrainState& state) {
  mx::array all(true);
  for (const mx::array& p : state.parameters) all = mx::logical_and(all, mx::all(mx::isfinite(p)));
  return all;
}

}  // namespace

std::vector<mx::array> LazyStep::results() const {
  std::vector<mx::array> results = {gradients.loss(), gradients_finite, next_finite, norm};
  for (const mx::array& losses : gradients.token_losses()) results.push_back(losses);
  for (const mx::array& array : next.arrays()) results.push_back(array);
  return results;
}

LazyStep lazy_step(const Objective& objective, const models::LayerRunner& runner,
                   const Optimizer& optimizer, const models::ParameterSet& parameters,
                   const TrainState& state, const std::vector<data::Batch>& group,
                   const StepOptions& options) {
  Gradients gradients(parameters, options.weight > 0 ? options.weight : weight_of(group));
  for (const data::Batch& batch : group) gradients.add(objective, runner, batch, options.dropout);
  std::vector<size_t> all(parameters.all().size());
  std::iota(all.begin(), all.end(), size_t{0});
  gradients.sum(all, options.ranks, options.wire);
  gradients.sum_loss(options.ranks);
  const mx::array norm = gradients.norm();
  if (options.max_norm > 0) gradients.clip(options.max_norm);
  TrainState next = optimizer.update(state, gradients, options.rate);
  const mx::array gradients_finite = all_finite(gradients, norm), next_finite = all_finite(next);
  return {std::move(gradients), norm, std::move(next), gradients_finite, next_finite};
}

}  // namespace graft::training
