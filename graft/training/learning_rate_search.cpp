#include "graft/training/learning_rate_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graft/training/in_place_step.h"
#include "graft/training/step.h"

namespace graft::training {
namespace {

constexpr double kKept = 0.9;  // of the moving average, every step

// The adapters' arrays are never written to: those that they were are put back at the end.
class Borrowed {
 public:
  explicit Borrowed(const models::ParameterSet& parameters)
      : parameters_(parameters), before_(parameters.values()) {}
  ~Borrowed() { parameters_.set(before_); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

 private:
  const models::ParameterSet& parameters_;
  std::vector<mx::array> before_;
};

using Points = std::vector<LearningRateSearch::Point>;

constexpr int kWindow = 10;  // points that a slope is taken of: two thirds of a decade by default

// Of the smoothed loss by the point's number, which is its rate's logarithm: least squares.
double slope(const Points& points, size_t first) {
  constexpr double kMiddle = (kWindow - 1) / 2.0;
  double sum = 0;
  for (size_t i = 0; i < kWindow; ++i) {
    sum += (static_cast<double>(i) - kMiddle) * points[first + i].smoothed;
  }
  return sum;  // times a constant
}

double mean_of_first(const Points& points) {
  double sum = 0;
  for (size_t i = 0; i < kWindow; ++i) sum += points[i].loss;
  return sum / kWindow;
}

// How far the batches' losses lie from the smoothed ones: their standard deviation.
double scatter(const Points& points) {
  double squares = 0;
  for (const auto& p : points) squares += (p.loss - p.smoothed) * (p.loss - p.smoothed);
  return std::sqrt(squares / static_cast<double>(points.size()));
}

}  // namespace

LearningRateSearch search_learning_rate(
    const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
    const TrainOptions& options, const LearningRateSearchOptions& search,
    const std::function<bool(const LearningRateSearch::Point&)>& go_on) {
  const Borrowed borrowed(adapters.parameters());
  Stepper stepper(model, adapters, train, options);
  TrainState state = stepper.start();
  LearningRateSearch result;
  const double factor = std::pow(search.highest / search.lowest, 1.0 / (search.steps - 1));
  double sum = 0, weight = 0, lowest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < search.steps; ++i) {
    const double rate = search.lowest * std::pow(factor, i);
    StepResult step;
    try {
      step = stepper.step(state, i, static_cast<float>(rate));
    } catch (const StateLost&) {
      break;  // as far as it goes: what is borrowed is given back
    }
    if (std::isfinite(step.loss)) {
      sum = kKept * sum + (1 - kKept) * step.loss;
      weight = kKept * weight + (1 - kKept);
    }
    result.points.push_back({rate, step.loss, sum / weight});
    const double smoothed = result.points.back().smoothed;
    lowest = std::min(lowest, smoothed);
    if (!go_on(result.points.back())) {
      result.interrupted = true;
      break;
    }
    if (step.skipped) break;
    if (smoothed > 2 * lowest && smoothed > result.points.front().loss) break;
  }
  if (!result.interrupted) result.suggested = suggested_learning_rate(result.points);
  return result;
}

std::optional<double> suggested_learning_rate(
    const std::vector<LearningRateSearch::Point>& points) {
  const auto by_loss = [](const auto& a, const auto& b) { return a.smoothed < b.smoothed; };
  const auto lowest = std::min_element(points.begin(), points.end(), by_loss);
  const std::vector<LearningRateSearch::Point> fall(points.begin(), lowest);
  if (std::ssize(fall) < kWindow) return {};
  if (mean_of_first(fall) - lowest->smoothed < scatter(fall)) return {};
  size_t steepest = 0;
  for (size_t i = 0; i + kWindow <= fall.size(); ++i) {
    if (slope(fall, i) < slope(fall, steepest)) steepest = i;
  }
  return std::sqrt(fall[steepest].learning_rate * fall[steepest + kWindow - 1].learning_rate);
}

}  // namespace graft::training
