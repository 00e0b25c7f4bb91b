#include "graft/training/step.h"

#include <mlx/transforms.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "graft/base/mapped_file.h"
#include "graft/data/share.h"
#include "graft/training/in_place_step.h"
#include "graft/training/recomputed_layers.h"

namespace graft::training {
Stepper::Stepper(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
                 const TrainOptions& options, const distributed::Group& ranks)
    : adapters_(adapters),
      train_(train),
      ranks_(ranks),
      wire_(options.wire),
      seed_(options.seed),
      max_norm_(options.max_norm),
      runner_(make_runner(model, adapters.parameters(), options)),
      objective_(std::make_unique<CrossEntropy>()),
      optimizer_(make_optimizer(options.optimizer)),
      sampler_(train, batch_options(options), options.seed) {}

TrainState Stepper::start() const { return optimizer_->start(adapters_.parameters()); }

bool Stepper::in_place() const { return goes_in_place(adapters_.parameters()); }

// The examples of a step in their order, each with its loss.
Skipped Stepper::skipped_step(const std::vector<data::Batch>& own,
                              const std::vector<mx::array>& token_losses) const {
  std::vector<double> here;  // place in the step, example and loss in turn
  for (size_t b = 0; b < own.size(); ++b) {
    const float* losses = token_losses[b].data<float>();
    for (size_t i = 0; i < own[b].examples.size(); ++i) {
      double sum = 0;
      for (int64_t t = own[b].offsets[i]; t < own[b].offsets[i + 1]; ++t) sum += losses[t];
      here.insert(here.end(), {static_cast<double>(own[b].step_rows[i]),
                               static_cast<double>(own[b].examples[i]), sum});
    }
  }
  std::vector<std::array<double, 3>> all;
  for (const std::vector<double>& of_rank : ranks_.gather(here)) {
    for (size_t i = 0; i + 2 < of_rank.size(); i += 3) {
      all.push_back({of_rank[i], of_rank[i + 1], of_rank[i + 2]});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a[0] < b[0]; });
  Skipped skipped;
  skipped.worst = 0;
  double most = -1;
  for (const auto& [place, which, sum] : all) {
    const double size = std::isfinite(sum) ? sum : std::numeric_limits<double>::infinity();
    if (size > most) {
      most = size;
      skipped.worst = skipped.lines.size();
    }
    const auto example = static_cast<size_t>(which);
    skipped.lines.push_back({train_.file_of(example), train_.examples[example].line, sum});
  }
  return skipped;
}

StepResult Stepper::step(TrainState& state, int64_t iterations, float rate) {
  try {
    return step_on(sampler_.next_group(), state, iterations, rate);
  } catch (...) {
    sampler_.take_back();  // for who goes on from what is saved now
    throw;
  }
}

StepResult Stepper::step_on(const std::vector<data::Batch>& all, TrainState& state,
                            int64_t iterations, float rate) {
  std::vector<data::Batch> share;
  if (!ranks_.is_alone()) share = data::share_of(all, ranks_.rank(), ranks_.size());
  const std::vector<data::Batch>& own = ranks_.is_alone() ? all : share;
  const StepOptions options = {.rate = rate,
                               .max_norm = max_norm_,
                               .dropout = {seed_, static_cast<uint64_t>(iterations)},
                               .weight = weight_of(all),
                               .batches = all.size(),
                               .ranks = ranks_,
                               .wire = wire_};
  StepResult result = in_place() ? step_over(state, own, options) : step_to(state, own, options);
  for (const data::Batch& batch : all) result.tokens += batch.tokens();
  return result;
}

StepResult Stepper::step_to(TrainState& state, const std::vector<data::Batch>& own,
                            const StepOptions& options) {
  LazyStep lazy =
      lazy_step(*objective_, *runner_, *optimizer_, adapters_.parameters(), state, own, options);
  mx::eval(lazy.results());
  check_mapped_files();  // before anything of it counts

  StepResult result;
  result.loss = mx::array(lazy.gradients.loss()).item<float>();
  result.gradient_norm = lazy.norm.item<float>();
  // All decide the same, though processors of another kind may have rounded otherwise.
  constexpr uint8_t kNotGood = 1, kSkip = 2;
  const bool good = std::isfinite(result.loss) && lazy.gradients_finite.item<bool>();
  const bool skip = !good || !lazy.next_finite.item<bool>();
  const uint8_t bits =
      ranks_.any_bits(static_cast<uint8_t>((good ? 0 : kNotGood) | (skip ? kSkip : 0)));
  result.from_good = (bits & kNotGood) == 0;
  if ((bits & kSkip) != 0) {
    result.skipped = skipped_step(own, lazy.gradients.token_losses());
    return result;
  }
  state = std::move(lazy.next);
  adapters_.parameters().set(state.parameters);
  return result;
}

StepResult Stepper::step_over(TrainState& state, const std::vector<data::Batch>& own,
                              const StepOptions& options) {
  const InPlaceStep done = step_in_place(*objective_, *runner_, *optimizer_, adapters_.parameters(),
                                         state, own, options);
  StepResult result;
  result.loss = done.loss;
  result.gradient_norm = done.gradient_norm;
  result.from_good = done.finite;
  if (!done.finite) {
    result.skipped = skipped_step(own, done.token_losses);
    return result;
  }
  adapters_.parameters().set(state.parameters);  // they are there; what follows from them follows
  return result;
}

}  // namespace graft::training
