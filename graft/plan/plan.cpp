#include "graft/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graft/plan/graph_work.h"
#include "graft/plan/planned_graph.h"
#include "graft/plan/planned_trunk.h"

namespace graft::plan {
namespace {

// Of a disk that is slow today. A save is a small part of a run.
constexpr double kSavedBytesASecond = 1e8;

// Of a step, on average.
double step_time(const Subject& subject, const RunBatches& batches, const KernelSpeeds& speeds) {
  double seconds = 0;
  for (const data::Batch& batch : batches.sample) {
    seconds += seconds_of(work_of(outputs_of_step(subject, batch)), speeds);
  }
  return seconds * batches.a_step / static_cast<double>(batches.sample.size());
}

double validation_time(const Subject& subject, const RunBatches& batches,
                       const KernelSpeeds& speeds) {
  // Of a long validation, a few batches stand for all.
  constexpr size_t kValidated = 4;
  const size_t count = batches.validation.size(), looked_at = std::min(count, kValidated);
  if (looked_at == 0) return 0;
  double seconds = 0;
  for (size_t i = 0; i < looked_at; ++i) {
    const data::Batch batch = batches.validation[i * count / looked_at];
    if (batch.weight() == 0) continue;
    seconds += seconds_of(work_of(validation_graph(subject, batch).outputs), speeds);
  }
  const double batches_of_each = std::ceil(static_cast<double>(count) / batches.ranks);
  return seconds * batches_of_each / static_cast<double>(looked_at);
}

}  // namespace

Time training_time(const Subject& subject, const RunBatches& batches, const KernelSpeeds& speeds,
                   int done, const KeptLayers& kept, double exchange) {
  const training::TrainOptions& o = subject.options;
  Time time;
  time.exchange = exchange;
  time.step = step_time(subject, batches, speeds) + exchange;
  time.validation = validation_time(subject, batches, speeds);

  const int left = std::max(0, o.iters - done);
  // Before the first step, at every so many, and after the last.
  const int intervals = (o.iters + o.steps_per_eval - 1) / o.steps_per_eval;
  time.validations = (done == 0 ? 1 : 0) + intervals - done / o.steps_per_eval;
  const int saves = 1 + (o.iters - 1) / o.save_every - done / o.save_every;
  // The adapter, and a checkpoint with the adapter and the whole state.
  const double saved = 3 * static_cast<double>(state_bytes(subject));
  time.run = left * time.step + time.validations * time.validation +
             std::max(1, saves) * saved / kSavedBytesASecond;
  if (kept.layers > 0) {
    const PlannedTrunk trunk(subject.model, kept.layers);
    training::TrainOptions with_trunk = o;
    with_trunk.trunk = &trunk;
    const Subject later{subject.model, subject.parameters, with_trunk};
    time.kept_layers = kept.layers;
    time.kept_step = step_time(later, batches, speeds) + exchange;
    const double gain = time.step - time.kept_step;
    time.run -= gain * std::max(0.0, left - kept.first_steps);
    if (time.validations > 1) {
      time.run -=
          (time.validations - 1) * (time.validation - validation_time(later, batches, speeds));
    }
  }
  return time;
}

std::string gigabytes(size_t bytes) {
  return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

std::string duration(double seconds) {
  if (seconds < 1) return fmt::format("{:.2g} s", std::max(seconds, 0.001));
  if (seconds < 100) return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 2 : 0);
  const double minutes = std::round(seconds / 60);
  if (minutes < 100) return fmt::format("{:.0f} min", minutes);
  const double hours = std::floor(minutes / 60);
  if (hours < 48) return fmt::format("{:.0f} h {:.0f} min", hours, minutes - 60 * hours);
  return fmt::format("{:.1f} days", hours / 24);
}

std::string step_text(const Time& time, const char* unit) {
  std::string text = duration(time.step) + unit;
  if (time.kept_layers == 0) return text;
  return text + fmt::format(" ({} once layers 0 to {} are kept)", duration(time.kept_step),
                            time.kept_layers - 1);
}

std::string in_short(const Plan& plan) {
  return fmt::format("about {} of memory{}, {}, {} in all", gigabytes(plan.memory.total()),
                     plan.ranks > 1 ? " for each process" : "", step_text(plan.time, " a step"),
                     duration(plan.time.run));
}

}  // namespace graft::plan
