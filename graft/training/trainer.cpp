#include "graft/training/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/base/memory.h"
#include "graft/base/profile.h"
#include "graft/training/evaluation.h"
#include "graft/training/in_place_step.h"
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

// Of a text, counted from 0.
std::string line_of(const std::string& text, size_t number) {
  size_t begin = 0;
  for (; number > 0; --number) begin = text.find('\n', begin) + 1;
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string ordinal(int number) {
  const char* ending = number == 1 ? "st" : number == 2 ? "nd" : number == 3 ? "rd" : "th";
  return fmt::format("{}{}", number, ending);
}

}  // namespace

Trainer::Trainer(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
                 const data::Dataset& valid, TrainOptions options, Events events,
                 const distributed::Group& ranks)
    : model_(model),
      adapters_(adapters),
      ranks_(ranks),
      valid_batches_(valid, options.batch_size, options.val_batches),
      options_(std::move(options)),
      events_(std::move(events)),
      stepper_(model, adapters, train, options_, ranks),
      schedule_(schedule_of_run(options_.schedule, options_.iters)),
      state_(stepper_.start()) {
  if (!ranks.is_first()) return;
  saver_.emplace(options_.adapter_file, options_.origin);
  checkpoints_.emplace(options_.adapter_file, options_.keep, options_.identity);
}

void Trainer::restore(const SnapshotParts& parts) {
  Snapshot snapshot = snapshot_of(parts, adapters_.parameters(), state_);
  stepper_.sampler().restore(snapshot.sampler);
  state_ = std::move(snapshot.state);
  progress_ = snapshot.progress;
  figures_ = std::move(snapshot.figures);
  if (!stepper_.in_place()) last_good_ = state_;
  if (checkpoints_) checkpoints_->go_on();
}

Snapshot Trainer::snapshot() const {
  return {state_, stepper_.sampler().state(), progress_, figures_};
}

StepResult Trainer::step() {
  if (stepper_.in_place()) {
    return stepper_.step(state_, progress_.iteration, schedule_(progress_.iteration));
  }
  const TrainState before = state_;
  StepResult result = stepper_.step(state_, progress_.iteration, schedule_(progress_.iteration));
  if (result.from_good) last_good_ = before;
  return result;
}

std::string Trainer::keep_last_good() {
  const std::string file = options_.adapter_file.string();
  const std::string saved = saved_at_ > 0
                                ? fmt::format("; {} holds that of iteration {}", file, saved_at_)
                                : fmt::format("; {} was not written meanwhile", file);
  if (!stepper_.in_place()) {
    if (last_good_.step == 0) return "nothing was trained before" + saved;
    state_ = last_good_;
    adapters_.parameters().set(state_.parameters);
  } else if (state_.step == 0) {
    return "nothing was trained before" + saved;
  }
  figures_.forget_skipped_in_a_row();
  if (!ranks_.is_first()) return "rank 0 keeps the last good state";
  const fs::path kept = checkpoints_->save(snapshot(), adapters_, *saver_);
  return fmt::format("the last state whose loss and gradient were finite, of {} steps, is in {}{}",
                     state_.step, kept.string(), saved);
}

void Trainer::stop_diverged(const std::string& why) {
  const std::string kept = keep_last_good();
  ranks_.any(false);  // nobody ends while the first one saves
  throw Diverged(
      fmt::format("iteration {}: {}; {}. A smaller `learning_rate` or `scale` usually helps: "
                  "`resume_adapter_file` goes on from an adapter with other settings",
                  progress_.iteration, why, kept));
}

bool Trainer::validation_is_due() const {
  return !valid_batches_.empty() && progress_.iteration % options_.steps_per_eval == 0 &&
         progress_.validated_after < progress_.iteration;
}

bool Trainer::validate(const std::function<bool()>& interrupted) {
  const PhaseTimer timer(kValidation);
  const ProfilingSwitch off(false);  // its kernels are not those of the steps
  bool whole = true;
  const auto runner = make_runner(model_, adapters_.parameters(), options_);
  Evaluation result = evaluate(
      *runner, valid_batches_,
      [&](size_t done) {
        events_.emit(Validating{done, valid_batches_.size()});
        whole = done == valid_batches_.size() || !interrupted();
        return whole;
      },
      ranks_);
  if (ranks_.any(!whole)) return false;
  figures_.add_seconds(result.seconds);
  // The one before the first step counts as of iteration 1, as in the example.
  const int iteration = std::max(progress_.iteration, 1);
  progress_.valid = {iteration, result.loss};
  progress_.validated_after = progress_.iteration;
  // The last one may come between two that are due: with more iterations it would not have come.
  if (progress_.iteration % options_.steps_per_eval == 0) {
    const bool better = !progress_.best || result.loss < progress_.best->loss;
    if (better) progress_.best = progress_.valid;
    progress_.validations_since_best = better ? 0 : progress_.validations_since_best + 1;
  }
  events_.emit(Validated{iteration, result.loss, result.seconds});
  return true;
}

// After a step, where a report is due, too. Another process may be gone since.
bool Trainer::report_and_ask(const std::function<bool()>& interrupted) {
  std::string why;
  try {
    if (progress_.iteration % options_.steps_per_report == 0) report(false);
    return ranks_.any(interrupted());
  } catch (const distributed::PeerLost& error) {
    why = error.what();
  }
  stop_after(why);
}

// Of what all of them begin with.
void Trainer::check_same_state() const {
  if (ranks_.is_alone()) return;
  const auto hash_of = [](const std::vector<mx::array>& arrays) {
    uint64_t hash = kFnv1aStart;
    for (mx::array array : arrays) {
      array = mx::contiguous(array);
      mx::eval(array);
      hash = fnv1a({array.data<char>(), array.nbytes()}, hash);
    }
    return hash;
  };
  const data::SamplerState sampler = stepper_.sampler().state();
  const std::string order(reinterpret_cast<const char*>(sampler.order.data()),
                          sampler.order.size() * sizeof(size_t));
  std::vector<mx::array> moments;
  for (const Moments& of_one : state_.moments) {
    for (const auto& [name, array] : of_one) moments.push_back(array);
  }
  const std::vector<std::pair<std::string, uint64_t>> facts = {
      {"iteration", static_cast<uint64_t>(progress_.iteration)},
      {"place in the data", fnv1a(sampler.generator + order) + sampler.position},
      {"parameters", hash_of(state_.parameters)},
      {"optimizer's averages", hash_of(moments)}};
  std::vector<std::string> texts;
  for (const auto& [name, value] : facts) texts.push_back(fmt::format("{}={:x}", name, value));
  const std::vector<std::string> all = ranks_.gather(fmt::format("{}", fmt::join(texts, "\n")));
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    for (size_t i = 0; i < facts.size(); ++i) {
      const std::string first = line_of(all[0], i), other = line_of(all[rank], i);
      if (first != other) {
        fail(
            "rank {} does not begin where rank 0 does: its {} is another: do all read the same "
            "adapter and checkpoint?",
            rank, facts[i].first);
      }
    }
  }
}

void Trainer::save_checkpoint() {
  if (!ranks_.is_first()) return;
  const fs::path folder = checkpoints_->save(snapshot(), adapters_, *saver_);
  events_.emit(Checkpointed{progress_.iteration, folder.string()});
}

void Trainer::save() {
  const PhaseTimer timer(kSaving);
  if (ranks_.is_first()) saver_->save(adapters_, progress_);
  saved_at_ = progress_.iteration;
  if (!ranks_.is_first()) return;
  events_.emit(Saved{progress_.iteration, saver_->file().string()});
  save_checkpoint();
}

// What is good when something fails may be worth hours: it is saved, whatever the failure is.
void Trainer::stop_after(const std::string& why) {
  const int iteration = progress_.iteration;
  const std::string file = options_.adapter_file.string();
  if (!ranks_.is_first()) throw Error(why);
  if (iteration == 0) fail("{}; nothing was saved", why);
  if (saved_at_ != iteration) {
    const int before = saved_at_;
    try {
      save();
    } catch (const std::exception& error) {
      fail("{}; the adapter of iteration {} could not be saved: {}; {}", why, iteration,
           error.what(),
           before > 0 ? fmt::format("that of iteration {} is in {}", before, file)
                      : "none was saved before");
    }
  }
  fail("{}; the adapter of iteration {} is in {}", why, iteration, file);
}

StepResult Trainer::step_or_save() {
  std::string why;
  try {
    return step();
  } catch (const StateLost& error) {
    throw Diverged(fmt::format(
        "iteration {}: {}: what is in memory is no state of the training, and is not saved; the "
        "newest checkpoint is the one to `resume`, with `grad_clip` all gradients are checked "
        "before "
        "one is used, and a smaller `learning_rate` usually helps",
        progress_.iteration, error.what()));
  } catch (const std::exception& error) {
    why = error.what();
  }
  stop_after(why);
}

bool Trainer::validate_or_save(const std::function<bool()>& interrupted) {
  std::string why;
  try {
    if (!validate(interrupted)) return false;
    if (progress_.best->iteration == progress_.iteration) {
      const PhaseTimer timer(kSaving);
      try_to([this] { save_checkpoint(); });
    }
    return true;
  } catch (const NotFinite& error) {
    stop_diverged(error.what());
  } catch (const std::exception& error) {
    why = error.what();
  }
  stop_after(why);
}

void Trainer::try_to(const std::function<void()>& save) {
  try {
    save();
  } catch (const std::exception& error) {
    events_.emit(SaveFailed{progress_.iteration, error.what()});
  }
}

int64_t Trainer::memory_of_all() const {
  const std::vector<double> own = {static_cast<double>(peak_memory())};
  double bytes = 0;
  for (const std::vector<double>& of_rank : ranks_.gather(own)) bytes += of_rank.front();
  return static_cast<int64_t>(bytes);
}

void Trainer::report(bool partial) {
  const double mean = figures_.mean_loss();
  if (std::isfinite(mean)) progress_.train_loss = mean;
  events_.emit(Reported{.iteration = progress_.iteration,
                        .loss = mean,
                        .learning_rate = schedule_(progress_.iteration - 1),
                        .iterations_per_second = figures_.steps() / figures_.window_seconds(),
                        .tokens_per_second = static_cast<double>(figures_.window_tokens()) /
                                             figures_.window_seconds(),
                        .gradient_norm = figures_.mean_gradient_norm(),
                        .tokens = figures_.tokens(),
                        .seconds = figures_.seconds(),
                        .memory = memory_of_all(),
                        .skipped = figures_.skipped(),
                        .spikes = figures_.spikes(),
                        .partial = partial});
  figures_.start_window();
}

TrainEnd Trainer::run(const std::function<bool()>& interrupted) {
  check_same_state();
  events_.emit(Started{progress_.iteration});
  const TrainEnd end = options_.profile ? run_profiled(interrupted) : run_all(interrupted);
  events_.emit(Ended{end});
  return end;
}

TrainEnd Trainer::run_profiled(const std::function<bool()>& interrupted) {
  take_profile();
  const ProfilingSwitch on(true);
  const Clock::time_point start = Clock::now();
  const TrainEnd end = run_all(interrupted);
  const double seconds = seconds_since(start);
  events_.emit(Profiled{adding_up_to(seconds, step_seconds_, take_profile())});
  return end;
}

// After the last save: who goes on from there has the steps in a report of the usual length.
void Trainer::report_rest() {
  if (figures_.steps() > 0) report(true);
}

TrainEnd Trainer::run_all(const std::function<bool()>& interrupted) {
  if (progress_.iteration == 0) {
    if (!valid_batches_.empty() && !validate(interrupted)) return TrainEnd::interrupted_at_start;
  } else if (validation_is_due() && !validate_or_save(interrupted)) {
    return TrainEnd::interrupted;  // as it was resumed, nothing new is there to save
  }
  const auto out_of_patience = [this] {
    return options_.patience > 0 && progress_.validations_since_best >= options_.patience;
  };
  while (progress_.iteration < options_.iters && !out_of_patience()) {
    const Clock::time_point start = Clock::now();
    StepResult done = step_or_save();
    const double seconds = seconds_since(start);
    step_seconds_ += seconds;
    figures_.add_step_seconds(seconds);
    const double rate = schedule_(progress_.iteration);
    const int iteration = ++progress_.iteration;
    if (done.skipped) {
      figures_.skip();
      done.skipped->iteration = iteration;
      done.skipped->in_a_row = figures_.skipped_in_a_row();
      events_.emit(*done.skipped);
      if (figures_.skipped_in_a_row() >= options_.max_bad_steps) {
        stop_diverged(fmt::format(
            "the loss, its gradient or the step is not finite (largest loss at {}:{}), for the {} "
            "time in a row",
            done.skipped->lines[done.skipped->worst].file,
            done.skipped->lines[done.skipped->worst].line, ordinal(figures_.skipped_in_a_row())));
      }
    } else {
      const auto usual = figures_.add(done.loss, done.gradient_norm, done.tokens);
      if (usual) events_.emit(Spiked{iteration, done.gradient_norm, *usual});
    }
    events_.emit(Stepped{iteration, options_.iters,
                         done.skipped ? std::numeric_limits<double>::quiet_NaN() : done.loss, rate,
                         done.tokens, done.gradient_norm});
    bool stop = report_and_ask(interrupted);
    if (!stop && validation_is_due()) stop = !validate_or_save(interrupted);
    if (stop) {
      save();
      return TrainEnd::interrupted;
    }
    if (iteration % options_.save_every == 0 && iteration < options_.iters) {
      try_to([this] { save(); });
    }
  }
  const bool validated = valid_batches_.empty() ||
                         progress_.validated_after == progress_.iteration ||
                         validate_or_save(interrupted);
  if (saved_at_ != progress_.iteration) save();
  report_rest();
  if (!validated) return TrainEnd::interrupted;
  return progress_.iteration < options_.iters ? TrainEnd::out_of_patience : TrainEnd::finished;
}

}  // namespace graft::training
