#include "graft/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graft/plan/graph_work.h"
#include "graft/plan/planned_graph.h"

namespace graft::plan {
namespace {

// Of a disk that is slow today. A save is a small part of a run.
constexpr double kSavedBytesASecond = 1e8;

}  // namespace

Time training_time(const Subject& subject, const RunBatches& batches, const KernelSpeeds& speeds,
                   int done) {
  const training::TrainOptions& o = subject.options;
  Time time;
  for (const data::Batch& batch : batches.sample) {
    time.step += seconds_of(work_of(outputs_of_step(subject, batch)), speeds);
  }
  time.step *= static_cast<double>(o.batches_a_step) / static_cast<double>(batches.sample.size());

  // Of a long validation, a few batches stand for all.
  constexpr size_t kValidated = 4;
  const size_t count = batches.validation.size(), looked_at = std::min(count, kValidated);
  for (size_t i = 0; i < looked_at; ++i) {
    const data::Batch batch = batches.validation[i * count / looked_at];
    if (batch.weight() == 0) continue;
    time.validation += seconds_of(work_of(validation_graph(subject.model, batch).outputs), speeds);
  }
  if (looked_at > 0) time.validation *= static_cast<double>(count) / static_cast<double>(looked_at);

  const int left = std::max(0, o.iters - done);
  // Before the first step, at every so many, and after the last.
  const int intervals = (o.iters + o.steps_per_eval - 1) / o.steps_per_eval;
  time.validations = (done == 0 ? 1 : 0) + intervals - done / o.steps_per_eval;
  const int saves = 1 + (o.iters - 1) / o.save_every - done / o.save_every;
  // The adapter, and a checkpoint with the adapter and the whole state.
  const double saved = 3 * static_cast<double>(state_bytes(subject));
  time.run = left * time.step + time.validations * time.validation +
             std::max(1, saves) * saved / kSavedBytesASecond;
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

std::string in_short(const Plan& plan) {
  return fmt::format("about {} of memory, {} a step, {} in all", gigabytes(plan.memory.total()),
                     duration(plan.time.step), duration(plan.time.run));
}

}  // namespace graft::plan
