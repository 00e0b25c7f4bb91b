#include "graft/training/step.h"

#include <mlx/transforms.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "graft/base/mapped_file.h"
#include "graft/training/in_place_step.h"
#include "graft/training/lazy_step.h"
#include "graft/training/recomputed_layers.h"

namespace graft::training {
namespace {

// The examples of a step, each with its loss.
Skipped skipped_step(const data::Dataset& set, const std::vector<data::Batch>& group,
                     const std::vector<mx::array>& token_losses) {
  Skipped skipped;
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
      const size_t example = group[b].examples[i];
      skipped.lines.push_back({set.file_of(example), set.examples[example].line, sum});
    }
  }
  return skipped;
}

}  // namespace

Stepper::Stepper(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
                 const TrainOptions& options)
    : adapters_(adapters),
      train_(train),
      seed_(options.seed),
      max_norm_(options.max_norm),
      runner_(make_runner(model, adapters.parameters(), options)),
      objective_(std::make_unique<CrossEntropy>()),
      optimizer_(make_optimizer(options.optimizer)),
      sampler_(train, batch_options(options), options.seed) {}

TrainState Stepper::start() const { return optimizer_->start(adapters_.parameters()); }

bool Stepper::in_place() const { return goes_in_place(adapters_.parameters()); }

StepResult Stepper::step(TrainState& state, int64_t iterations, float rate) {
  const std::vector<data::Batch> group = sampler_.next_group();
  if (in_place()) return step_over(state, group, iterations, rate);
  LazyStep lazy = lazy_step(
      *objective_, *runner_, *optimizer_, adapters_.parameters(), state, group,
      {.rate = rate, .max_norm = max_norm_, .dropout = {seed_, static_cast<uint64_t>(iterations)}});
  mx::eval(lazy.results());
  check_mapped_files();  // before anything of it counts

  StepResult result;
  result.loss = mx::array(lazy.gradients.loss()).item<float>();
  result.gradient_norm = lazy.norm.item<float>();
  for (const data::Batch& batch : group) result.tokens += batch.tokens();
  result.from_good = std::isfinite(result.loss) && lazy.gradients_finite.item<bool>();
  if (!result.from_good || !lazy.next_finite.item<bool>()) {
    result.skipped = skipped_step(train_, group, lazy.gradients.token_losses());
    return result;
  }
  state = std::move(lazy.next);
  adapters_.parameters().set(state.parameters);
  return result;
}

StepResult Stepper::step_over(TrainState& state, const std::vector<data::Batch>& group,
                              int64_t iterations, float rate) {
  const InPlaceStep done = step_in_place(
      *objective_, *runner_, *optimizer_, adapters_.parameters(), state, group,
      {.rate = rate, .max_norm = max_norm_, .dropout = {seed_, static_cast<uint64_t>(iterations)}});
  StepResult result;
  result.loss = done.loss;
  result.gradient_norm = done.gradient_norm;
  for (const data::Batch& batch : group) result.tokens += batch.tokens();
  result.from_good = done.finite;
  if (!done.finite) {
    result.skipped = skipped_step(train_, group, done.token_losses);
    return result;
  }
  adapters_.parameters().set(state.parameters);  // they are there; what follows from them follows
  return result;
}

}  // namespace graft::training
