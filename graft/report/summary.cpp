#include "graft/report/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "graft/base/terminal.h"

namespace graft::report {
namespace {

constexpr const char* kDash = "–";

template <class Reading>
Losses losses_among(const std::vector<Reading>& readings) {
  Losses losses;
  for (const Reading& reading : readings) {
    if (!std::isfinite(reading.loss)) continue;
    if (std::isnan(losses.before)) losses.before = reading.loss;
    losses.after = reading.loss;
    if (!(reading.loss >= losses.best)) {
      losses.best = reading.loss;
      losses.best_step = reading.step;
    }
  }
  return losses;
}

std::string count_text(int64_t count) {
  if (count < 10'000) return fmt::format("{}", count);
  if (count < 1'000'000) return fmt::format("{:.1f} k", static_cast<double>(count) / 1e3);
  return fmt::format("{:.1f} M", static_cast<double>(count) / 1e6);
}

// With what went wrong on the way, if anything did.
std::string tokens_text(const TrainReading& last) {
  std::vector<std::string> wrong;
  const auto add = [&](int64_t count, const char* one, const char* more) {
    if (count > 0) wrong.push_back(fmt::format("{} {}", count, count == 1 ? one : more));
  };
  add(last.skipped, "step skipped", "steps skipped");
  add(last.spikes, "spike", "spikes");
  const std::string count = count_text(last.tokens);
  return wrong.empty() ? count : fmt::format("{} ({})", count, fmt::join(wrong, ", "));
}

std::string change_text(const Losses& losses) {
  if (std::isnan(losses.before)) return kDash;
  return fmt::format("{:.3f} ({:.3f} before)", losses.after, losses.before);
}

std::string best_text(const Losses& losses) {
  if (std::isnan(losses.best)) return kDash;
  return fmt::format("{} ({:.3f})", losses.best_step, losses.best);
}

// The page shows small what is in parentheses.
std::string files_text(const std::vector<fs::path>& files) {
  if (files.empty()) return kDash;
  std::vector<std::string> others;
  for (size_t i = 1; i < files.size(); ++i) others.push_back(files[i].string());
  if (others.empty()) return files.front().string();
  return fmt::format("{} ({})", files.front().string(), fmt::join(others, ", "));
}

}  // namespace

Losses losses_of(const Metrics& metrics) {
  const Losses validated = losses_among(metrics.validations);
  return std::isnan(validated.before) ? losses_among(metrics.train) : validated;
}

Summary summarize(const Metrics& metrics, const std::vector<fs::path>& files) {
  const Losses losses = losses_of(metrics);
  TrainReading last;  // of each figure the highest, since a reading may lack one
  last.seconds = 0;
  for (const TrainReading& reading : metrics.train) {
    last.tokens = std::max(last.tokens, reading.tokens);
    last.memory = std::max(last.memory, reading.memory);
    last.skipped = std::max(last.skipped, reading.skipped);
    last.spikes = std::max(last.spikes, reading.spikes);
    if (reading.seconds > last.seconds) last.seconds = reading.seconds;
  }
  const auto or_dash = [](bool known, const std::string& text) { return known ? text : kDash; };
  return {
      {"Loss", change_text(losses)},
      {"Best step", best_text(losses)},
      {"Time", or_dash(last.seconds > 0, duration_text(last.seconds))},
      {"Tokens", or_dash(last.tokens > 0, tokens_text(last))},
      {"Peak memory",
       or_dash(last.memory > 0, fmt::format("{:.2f} GB", static_cast<double>(last.memory) / 1e9))},
      {"Files", files_text(files)}};
}

}  // namespace graft::report
