#include "graft/training/trainer.h"

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <chrono>
#include <cmath>
#include <limits>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/base/profile.h"
#include "graft/training/evaluation.h"
#include "graft/training/recomputed_layers.h"

namespace graft::training {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr const char *kValidation = "validation", *kSaving = "saving";  // phases of a profile

// Adds the time that the other phases leave: within the steps, and between them.
std::vector<Phase> adding_up_to(double seconds, double step_seconds, std::vector<Phase> phases) {
  double others = 0;
  for (const Phase& phase : phases) {
    if (phase.name == kValidation || phase.name == kSaving) others += phase.seconds;
  }
  add_rest(phases, "rest of the steps", step_seconds + others);
  add_rest(phases, "between the steps", seconds);
  return phases;
}

double weight_of(const std::vector<data::Batch>& group) {
  double weight = 0;
  for (const data::Batch& batch : group) weight += batch.weight();
  return weight;
}

mx::array all_finite(const Gradients& gradients, const TrainState& state) {
  mx::array all(true);
  for (const mx::array& g : gradients.arrays())
    all = mx::logical_and(all, mx::all(mx::isfinite(g)));
  for (const mx::array& p : state.parameters) all = mx::logical_and(all, mx::all(mx::isfinite(p)));
  return all;
}

// The first example with a loss that is not finite, or else the one with the largest, as
// "file:line".
std::string place_of_largest_loss(const data::Dataset& set, const std::vector<data::Batch>& group,
                                  const std::vector<mx::array>& token_losses) {
  size_t worst = 0;
  double most = -1;
  for (size_t b = 0; b < group.size(); ++b) {
    const float* losses = token_losses[b].data<float>();
    for (size_t i = 0; i < group[b].examples.size(); ++i) {
      double sum = 0;
      for (int64_t t = group[b].offsets[i]; t < group[b].offsets[i + 1]; ++t) sum += losses[t];
      if (!std::isfinite(sum)) sum = std::numeric_limits<double>::infinity();
      if (sum > most) {
        most = sum;
        worst = group[b].examples[i];
      }
    }
  }
  return fmt::format("{}:{}", set.path.string(), set.examples[worst].line);
}

std::unique_ptr<models::LayerRunner> make_runner(const models::Model& model,
                                                 const models::ParameterSet& parameters,
                                                 bool grad_checkpoint) {
  if (grad_checkpoint) return std::make_unique<RecomputedLayers>(model, parameters);
  return std::make_unique<models::LayerRunner>(model);
}

}  // namespace

Trainer::Trainer(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
                 const data::Dataset& valid, TrainOptions options, Events events)
    : model_(model),
      adapters_(adapters),
      train_(train),
      valid_file_(valid.path),
      valid_batches_(data::evaluation_batches(valid, options.batch_size, options.val_batches)),
      options_(std::move(options)),
      events_(std::move(events)),
      runner_(make_runner(model, adapters.parameters(), options_.grad_checkpoint)),
      objective_(std::make_unique<CrossEntropy>()),
      optimizer_(make_adam(options_.adam)),
      schedule_(constant_schedule(options_.learning_rate)),
      sampler_(train, options_.batch_size, options_.seed, options_.batches_a_step),
      state_(optimizer_->start(adapters.parameters())),
      checkpoint_(options_.adapter_file, options_.base_fingerprint, options_.provenance) {}

Trainer::StepResult Trainer::step() {
  const std::vector<data::Batch> group = sampler_.next_group();
  Gradients gradients(adapters_.parameters(), weight_of(group));
  nn::DropoutKey dropout{options_.seed, static_cast<uint64_t>(state_.step)};
  for (const data::Batch& batch : group) {
    gradients.add(*objective_, *runner_, batch, dropout);
    ++dropout.batch;
  }
  const mx::array norm = gradients.norm();
  if (options_.max_norm > 0) gradients.clip(options_.max_norm);
  TrainState next = optimizer_->update(state_, gradients, schedule_(state_.step));

  const mx::array finite = all_finite(gradients, next);
  std::vector<mx::array> results = {gradients.loss(), finite, norm};
  for (const mx::array& losses : gradients.token_losses()) results.push_back(losses);
  for (const mx::array& array : next.arrays()) results.push_back(array);
  mx::eval(results);
  check_mapped_files();  // before anything of it counts

  StepResult result;
  result.loss = gradients.loss().item<float>();
  result.gradient_norm = mx::array(norm).item<float>();
  if (std::isfinite(result.loss)) last_good_ = {state_.step, state_.parameters};
  for (const data::Batch& batch : group) result.tokens += batch.tokens();
  if (!std::isfinite(result.loss) || !finite.item<bool>()) {
    result.diverged = place_of_largest_loss(train_, group, gradients.token_losses());
    return result;
  }
  state_ = std::move(next);
  adapters_.parameters().set(state_.parameters);
  return result;
}

std::string Trainer::keep_last_good(int saved_at) {
  const std::string file = checkpoint_.file().string();
  if (last_good_.iteration == 0) return "nothing was saved";
  if (last_good_.iteration == saved_at) {
    return fmt::format("the adapter of iteration {} is in {}", saved_at, file);
  }
  adapters_.parameters().set(last_good_.parameters);
  progress_.iteration = static_cast<int>(last_good_.iteration);
  std::string kept =
      fmt::format("the adapter of iteration {}, the last whose loss was finite, is in {}",
                  last_good_.iteration, checkpoint_.save_aside(adapters_, progress_).string());
  if (saved_at > last_good_.iteration) {
    kept += fmt::format(" ({} holds that of iteration {}, whose loss is not)", file, saved_at);
  } else if (saved_at > 0) {
    kept += fmt::format(", that of iteration {} in {}", saved_at, file);
  }
  return kept;
}

void Trainer::stop_diverged(int iteration, const std::string& place, int saved_at) {
  fail(
      "iteration {}: the loss, its gradient or the step is not finite (largest loss at {}); {}. A "
      "smaller `learning_rate` or `scale` usually helps",
      iteration, place, keep_last_good(saved_at));
}

bool Trainer::validate(int iteration, const std::function<bool()>& interrupted) {
  const PhaseTimer timer(kValidation);
  const ProfilingSwitch off(false);  // its kernels are not those of the steps
  bool whole = true;
  Evaluation result = evaluate(
      model_, valid_batches_,
      [&](size_t done) {
        events_.emit(Validating{done, valid_batches_.size()});
        whole = done == valid_batches_.size() || !interrupted();
        return whole;
      },
      valid_file_);
  if (!whole) return false;
  progress_.valid = {iteration, result.loss};
  events_.emit(Validated{iteration, result.loss, result.seconds});
  return true;
}

void Trainer::save(int iteration) {
  const PhaseTimer timer(kSaving);
  progress_.iteration = iteration;
  checkpoint_.save(adapters_, progress_);
  events_.emit(Saved{iteration, checkpoint_.file().string()});
}

// What is good when something fails may be worth hours: it is saved, whatever the failure is.
void Trainer::stop_after(int iteration, int saved_at, const std::string& why) {
  const std::string file = checkpoint_.file().string();
  if (iteration == 0) fail("{}; nothing was saved", why);
  if (saved_at != iteration) {
    try {
      save(iteration);
    } catch (const Error& error) {
      fail("{}; the adapter of iteration {} could not be saved: {}; {}", why, iteration,
           error.what(),
           saved_at > 0 ? fmt::format("that of iteration {} is in {}", saved_at, file)
                        : "none was saved before");
    }
  }
  fail("{}; the adapter of iteration {} is in {}", why, iteration, file);
}

Trainer::StepResult Trainer::step_or_save(int iteration, int saved_at) {
  std::string why;
  try {
    return step();
  } catch (const std::exception& error) {
    why = error.what();
  }
  stop_after(iteration - 1, saved_at, why);
}

bool Trainer::validate_or_save(int iteration, int saved_at,
                               const std::function<bool()>& interrupted) {
  std::string why;
  try {
    return validate(iteration, interrupted);
  } catch (const NotFinite& error) {
    fail("iteration {}: {}; {}", iteration, error.what(), keep_last_good(saved_at));
  } catch (const std::exception& error) {
    why = error.what();
  }
  stop_after(iteration, saved_at, why);
}

bool Trainer::try_to_save(int iteration) {
  try {
    save(iteration);
    return true;
  } catch (const Error& error) {
    events_.emit(SaveFailed{iteration, error.what()});
    return false;
  }
}

TrainEnd Trainer::run(const std::function<bool()>& interrupted) {
  if (!options_.profile) return run_all(interrupted);
  take_profile();
  const ProfilingSwitch on(true);
  const Clock::time_point start = Clock::now();
  const TrainEnd end = run_all(interrupted);
  const double seconds = seconds_since(start);
  events_.emit(Profiled{adding_up_to(seconds, step_seconds_, take_profile())});
  return end;
}

TrainEnd Trainer::run_all(const std::function<bool()>& interrupted) {
  int saved_at = -1;
  double loss_sum = 0, train_seconds = 0;
  int64_t tokens = 0;
  int steps = 0;
  for (int iteration = 1; iteration <= options_.iters; ++iteration) {
    if (iteration == 1 && !validate(1, interrupted)) return TrainEnd::interrupted_at_start;
    Clock::time_point start = Clock::now();
    const StepResult done = step_or_save(iteration, saved_at);
    if (!done.diverged.empty()) stop_diverged(iteration, done.diverged, saved_at);
    const double seconds = seconds_since(start);
    train_seconds += seconds;
    step_seconds_ += seconds;
    loss_sum += done.loss;
    tokens += done.tokens;
    ++steps;
    const double rate = schedule_(state_.step - 1);
    events_.emit(
        Stepped{iteration, options_.iters, done.loss, rate, done.tokens, done.gradient_norm});
    if (iteration % options_.steps_per_report == 0) {
      progress_.train_loss = loss_sum / steps;
      events_.emit(Reported{iteration, *progress_.train_loss, rate, steps / train_seconds,
                            static_cast<double>(tokens) / train_seconds});
      loss_sum = train_seconds = 0;
      tokens = steps = 0;
    }
    bool stop = interrupted();
    if (!stop && iteration % options_.steps_per_eval == 0) {
      stop = !validate_or_save(iteration, saved_at, interrupted);
    }
    if (stop) {
      save(iteration);
      return TrainEnd::interrupted;
    }
    if (iteration % options_.save_every == 0 && try_to_save(iteration)) saved_at = iteration;
  }
  if (saved_at != options_.iters) save(options_.iters);
  return TrainEnd::finished;
}

}  // namespace graft::training
