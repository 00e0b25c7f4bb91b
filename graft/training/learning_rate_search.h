#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "graft/data/dataset.h"
#include "graft/lora/adapters.h"
#include "graft/models/model.h"
#include "graft/training/train_options.h"

namespace graft::training {

/// A search tries rates that grow from `lowest` to `highest` by the same factor every step.
struct LearningRateSearchOptions {
  int steps = 100;
  double lowest = 1e-7, highest = 1;
};

struct LearningRateSearch {
  struct Point {
    double learning_rate;
    double loss;      // of the batch, before the step with this rate; may not be finite
    double smoothed;  // a moving average of the finite losses, without a bias to the first ones
  };

  std::vector<Point> points;
  std::optional<double> suggested = {};
  bool interrupted = false;
};

/// A range test (Smith, arXiv:1506.01186): trains with a rate that grows, until the smoothed loss
/// is above twice its lowest value and above the first, a loss is not finite, or `go_on`, which is
/// called after every step, returns false. `options` are those of the training that the rate is
/// wanted for; its schedule and length have no part. Afterwards the adapters are as they were.
/// Throws Error as Stepper does.
LearningRateSearch search_learning_rate(
    const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
    const TrainOptions& options, const LearningRateSearchOptions& search,
    const std::function<bool(const LearningRateSearch::Point&)>& go_on);

/// Where the smoothed loss falls most steeply with the logarithm of the rate, over ten points
/// before it is lowest, as fastai's `steep`, which takes single points. None if it does not fall by
/// more than the losses of the batches are scattered.
std::optional<double> suggested_learning_rate(const std::vector<LearningRateSearch::Point>& points);

}  // namespace graft::training
