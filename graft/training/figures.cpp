#include "graft/training/figures.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace graft::training {
namespace {

constexpr size_t kNorms = 64;        // that a median is taken of
constexpr size_t kFewestNorms = 16;  // that say what is usual
constexpr double kSpike = 10;

}  // namespace

double Figures::median_norm() const {
  if (norms_.size() < kFewestNorms) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(norms_.begin(), norms_.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

std::optional<double> Figures::add(double loss, double gradient_norm, int64_t tokens) {
  const double usual = median_norm();
  const bool is_spike = gradient_norm > kSpike * usual;
  if (is_spike) ++spikes_;
  norms_.push_back(gradient_norm);
  if (norms_.size() > kNorms) norms_.pop_front();
  loss_sum_ += loss;
  norm_sum_ += gradient_norm;
  window_tokens_ += tokens;
  tokens_ += tokens;
  ++steps_;
  skipped_in_a_row_ = 0;
  return is_spike ? std::optional(usual) : std::nullopt;
}

void Figures::add_step_seconds(double seconds) {
  window_seconds_ += seconds;
  seconds_ += seconds;
}

void Figures::skip() {
  ++skipped_;
  ++skipped_in_a_row_;
}

void Figures::start_window() {
  loss_sum_ = norm_sum_ = window_seconds_ = 0;
  window_tokens_ = 0;
  steps_ = 0;
}

json Figures::to_json() const {
  return {{"loss_sum", loss_sum_},
          {"norm_sum", norm_sum_},
          {"window_seconds", window_seconds_},
          {"window_tokens", window_tokens_},
          {"seconds", seconds_},
          {"steps", steps_},
          {"tokens", tokens_},
          {"skipped", skipped_},
          {"skipped_in_a_row", skipped_in_a_row_},
          {"spikes", spikes_},
          {"norms", norms_}};
}

Figures Figures::from_json(const json& value) {
  Figures figures;
  value.at("loss_sum").get_to(figures.loss_sum_);
  value.at("norm_sum").get_to(figures.norm_sum_);
  value.at("window_seconds").get_to(figures.window_seconds_);
  value.at("window_tokens").get_to(figures.window_tokens_);
  value.at("seconds").get_to(figures.seconds_);
  value.at("steps").get_to(figures.steps_);
  value.at("tokens").get_to(figures.tokens_);
  value.at("skipped").get_to(figures.skipped_);
  value.at("skipped_in_a_row").get_to(figures.skipped_in_a_row_);
  value.at("spikes").get_to(figures.spikes_);
  value.at("norms").get_to(figures.norms_);
  return figures;
}

}  // namespace graft::training
