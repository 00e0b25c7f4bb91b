#include "graft/training/trainer.h"

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <chrono>
#include <cmath>
#include <numeric>

#include "graft/base/error.h"
#include "graft/base/profile.h"
#include "graft/lora/adapter_file.h"
#include "graft/training/loss.h"

namespace graft::training {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr const char *kValidation = "validation", *kSaving = "saving";  // phases of a profile

// With what the kernels of the steps and the other phases leave of the time.
std::vector<Phase> adding_up_to(double seconds, double step_seconds, std::vector<Phase> phases) {
  double others = 0;
  for (const Phase& phase : phases) {
    if (phase.name == kValidation || phase.name == kSaving) others += phase.seconds;
  }
  add_rest(phases, "rest of the steps", step_seconds + others);
  add_rest(phases, "between the steps", seconds);
  return phases;
}

mx::array all_finite(const std::vector<mx::array>& gradients,
                     const std::vector<ops::AdamState>& states) {
  mx::array all(true);
  for (const mx::array& g : gradients) all = mx::logical_and(all, mx::all(mx::isfinite(g)));
  for (const ops::AdamState& s : states) {
    all = mx::logical_and(all, mx::all(mx::isfinite(s.parameter)));
  }
  return all;
}

}  // namespace

Trainer::Trainer(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
                 const data::Dataset& valid, TrainOptions options, Reporter& reporter)
    : model_(model),
      adapters_(adapters),
      train_(train),
      valid_batches_(data::evaluation_batches(valid, options.batch_size, options.val_batches)),
      options_(std::move(options)),
      reporter_(reporter),
      batches_(train, options_.batch_size, options_.seed) {
  for (const mx::array& value : adapters_.values()) {
    state_.push_back({value, mx::zeros_like(value), mx::zeros_like(value)});
  }
}

Trainer::Step Trainer::step(int iteration) {
  data::Batch batch = batches_.next();
  std::vector<mx::array> values = adapters_.values();
  std::vector<int> arguments(values.size());
  std::iota(arguments.begin(), arguments.end(), 0);

  auto loss_of = [&](const std::vector<mx::array>& parameters) -> std::vector<mx::array> {
    adapters_.set(parameters);
    ops::HeadLoss loss = training_loss(model_, adapters_, batch, options_.grad_checkpoint);
    return {loss.mean, loss.losses};
  };
  auto [loss, gradients] = mx::value_and_grad(loss_of, arguments)(values);
  adapters_.set(values);

  std::vector<ops::AdamState> next;
  for (size_t i = 0; i < gradients.size(); ++i) {
    next.push_back(ops::adam_step(state_[i], gradients[i], {options_.learning_rate}));
  }
  mx::array finite = all_finite(gradients, next);
  std::vector<mx::array> results = {loss[0], loss[1], finite};
  for (const ops::AdamState& s : next) results.insert(results.end(), {s.parameter, s.m, s.v});
  mx::eval(results);

  double value = loss[0].item<float>();
  if (!std::isfinite(value) || !finite.item<bool>()) {
    diverged(iteration, batch, loss[1]);
  }
  state_ = std::move(next);
  std::vector<mx::array> updated;
  for (const ops::AdamState& s : state_) updated.push_back(s.parameter);
  adapters_.set(updated);
  return {value, batch.tokens()};
}

void Trainer::diverged(int iteration, const data::Batch& batch, mx::array token_losses) {
  // The first example whose own loss is not finite, or that with the largest.
  const float* losses = token_losses.data<float>();
  size_t worst = 0;
  double most = -1;
  for (size_t i = 0; i < batch.examples.size(); ++i) {
    double sum = 0;
    for (int64_t t = batch.offsets[i]; t < batch.offsets[i + 1]; ++t) sum += losses[t];
    if (!std::isfinite(sum)) {
      worst = i;
      break;
    }
    if (sum > most) {
      most = sum;
      worst = i;
    }
  }
  // Before the first whole step there is nothing that an earlier file should give way to.
  std::string kept = "nothing was saved";
  if (iteration > 1) {
    lora::save_adapter_file(options_.adapter_file, adapters_, options_.base_fingerprint,
                            provenance(iteration - 1));
    kept = fmt::format("the adapter of iteration {} is in {}", iteration - 1,
                       options_.adapter_file.string());
  }
  fail(
      "iteration {}: the loss, its gradient or the step is not finite (largest loss at {}:{}); {}. "
      "A smaller --learning-rate or --lora-scale usually helps",
      iteration, train_.path.string(), train_.lines[batch.examples[worst]], kept);
}

bool Trainer::validate(int iteration, const std::function<bool()>& interrupted) {
  const PhaseTimer timer(kValidation);
  const ProfilingSwitch off(false);  // its kernels are not those of the steps
  bool whole = true;
  Evaluation result = evaluate(model_, valid_batches_, [&](size_t done) {
    reporter_.validating(done, valid_batches_.size());
    whole = done == valid_batches_.size() || !interrupted();
    return whole;
  });
  if (!whole) return false;
  valid_loss_ = {iteration, result.loss};
  reporter_.validated(iteration, result.loss, result.seconds);
  return true;
}

Provenance Trainer::provenance(int iteration) const {
  Provenance result = options_.provenance;
  if (result.steps.empty()) return result;
  auto& facts = result.steps.back().facts;
  facts.emplace_back("iterations", std::to_string(iteration));
  if (train_loss_) facts.emplace_back("training loss", fmt::format("{:.3f}", *train_loss_));
  if (valid_loss_) {
    const auto& [at, loss] = *valid_loss_;
    facts.emplace_back(
        "validation loss",
        fmt::format("{:.3f}{}", loss, at == iteration ? "" : fmt::format(" (iteration {})", at)));
  }
  return result;
}

void Trainer::save(int iteration) {
  const PhaseTimer timer(kSaving);
  lora::save_adapter_file(options_.adapter_file, adapters_, options_.base_fingerprint,
                          provenance(iteration));
  reporter_.saved(iteration, options_.adapter_file.string());
}

TrainEnd Trainer::run(const std::function<bool()>& interrupted) {
  if (!options_.profile) return run_all(interrupted);
  take_profile();
  const ProfilingSwitch on(true);
  const Clock::time_point start = Clock::now();
  const TrainEnd end = run_all(interrupted);
  const double seconds = seconds_since(start);
  reporter_.profiled(adding_up_to(seconds, step_seconds_, take_profile()));
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
    Step done = step(iteration);
    const double seconds = seconds_since(start);
    train_seconds += seconds;
    step_seconds_ += seconds;
    loss_sum += done.loss;
    tokens += done.tokens;
    ++steps;
    reporter_.progressed(iteration, options_.iters, done.loss, options_.learning_rate, done.tokens);
    if (iteration % options_.steps_per_report == 0) {
      train_loss_ = loss_sum / steps;
      reporter_.trained({iteration, *train_loss_, options_.learning_rate, steps / train_seconds,
                         static_cast<double>(tokens) / train_seconds});
      loss_sum = train_seconds = 0;
      tokens = steps = 0;
    }
    bool stop = interrupted();
    if (!stop && iteration % options_.steps_per_eval == 0) stop = !validate(iteration, interrupted);
    if (stop || iteration % options_.save_every == 0) {
      save(iteration);
      saved_at = iteration;
    }
    if (stop) return TrainEnd::interrupted;
  }
  if (saved_at != options_.iters) save(options_.iters);
  return TrainEnd::finished;
}

}  // namespace graft::training
