#include "graft/training/step.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "graft/base/mapped_file.h"
#include "graft/training/recomputed_layers.h"

namespace graft::training {
namespace {

double weight_of(const std::vector<data::Batch>& group) {
  double weight = 0;
  for (const data::Batch& batch : group) weight += batch.weight();
  return weight;
}

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

// The examples of a step, each with its loss.
Skipped skipped_step(const data::Dataset& set, const std::vector<data::Batch>& group,
                     const std::vector<mx::array>& token_losses) {
  Skipped skipped;
  skipped.file = set.path.string();
  skipped.worst = 0;
  double most = -1;
  for (size_t b = 0; b < group.size(); ++b) {
    const float* losses = token_losses[b].data<float>();
    for (size_t i = 0; i < group[b].examples.size(); ++i) {
      double sum = 0;
      for (int64_t t = group[b].offsets[i]; t < group[b].offsets[i + 1]; ++t) sum += losses[t];
      const double size = std::isfinite(sum) ? sum : std::numeric_limits<double>::infinity();
      if (size > most) {
        most = size;
        skipped.worst = skipped.lines.size();
      }
      skipped.lines.push_back({set.examples[group[b].examples[i]].line, sum});
    }
  }
  return skipped;
}

std::unique_ptr<models::LayerRunner> make_runner(const models::Model& model,
                                                 const models::ParameterSet& parameters,
                                                 bool grad_checkpoint) {
  if (grad_checkpoint) return std::make_unique<RecomputedLayers>(model, parameters);
  return std::make_unique<models::LayerRunner>(model);
}

}  // namespace

Stepper::Stepper(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
                 const TrainOptions& options)
    : adapters_(adapters),
      train_(train),
      seed_(options.seed),
      max_norm_(options.max_norm),
      runner_(make_runner(model, adapters.parameters(), options.grad_checkpoint)),
      objective_(std::make_unique<CrossEntropy>()),
      optimizer_(make_optimizer(options.optimizer)),
      sampler_(train, options.batch_size, options.seed, options.batches_a_step) {}

TrainState Stepper::start() const { return optimizer_->start(adapters_.parameters()); }

StepResult Stepper::step(TrainState& state, int64_t iterations, float rate) {
  const std::vector<data::Batch> group = sampler_.next_group();
  Gradients gradients(adapters_.parameters(), weight_of(group));
  nn::DropoutKey dropout{seed_, static_cast<uint64_t>(iterations)};
  for (const data::Batch& batch : group) {
    gradients.add(*objective_, *runner_, batch, dropout);
    ++dropout.batch;
  }
  const mx::array norm = gradients.norm();
  if (max_norm_ > 0) gradients.clip(max_norm_);
  TrainState next = optimizer_->update(state, gradients, rate);

  mx::array gradients_finite = all_finite(gradients, norm), next_finite = all_finite(next);
  std::vector<mx::array> results = {gradients.loss(), gradients_finite, next_finite, norm};
  for (const mx::array& losses : gradients.token_losses()) results.push_back(losses);
  for (const mx::array& array : next.arrays()) results.push_back(array);
  mx::eval(results);
  check_mapped_files();  // before anything of it counts

  StepResult result;
  result.loss = gradients.loss().item<float>();
  result.gradient_norm = mx::array(norm).item<float>();
  for (const data::Batch& batch : group) result.tokens += batch.tokens();
  result.from_good = std::isfinite(result.loss) && gradients_finite.item<bool>();
  if (!result.from_good || !next_finite.item<bool>()) {
    result.skipped = skipped_step(train_, group, gradients.token_losses());
    return result;
  }
  state = std::move(next);
  adapters_.parameters().set(state.parameters);
  return result;
}

}  // namespace graft::training
