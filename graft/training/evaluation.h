#pragma once

#include <mlx/array.h>

#include <functional>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/data/batch.h"
#include "graft/distributed/group.h"
#include "graft/models/layer_runner.h"

namespace graft::training {

namespace mx = mlx::core;

/// The loss of a data set: the weighted mean over all tokens that carry loss.
struct Evaluation {
  double loss;
  double weight;  // of those tokens
  double seconds;

  double perplexity() const;
};

/// A loss that is not finite.
class NotFinite : public Error {
 public:
  using Error::Error;
};

/// What is measured of batches, which are made one by one.
struct Measurement {
  size_t count = 0;  // of batches
  std::function<data::Batch(size_t)> batch = {};
  /// Of batch `i`, whose weights are `weight` together: means over its tokens that carry loss, f32
  /// scalars.
  std::function<std::vector<mx::array>(size_t i, const data::Batch&, double weight)> means = {};
  std::vector<std::string> names = {"the loss"};  // of the means
  std::string texts = {};                         // the name of what is measured on, if it has one
  // Of batch `i`, by which batches are shared out; none: all are alike.
  std::function<int64_t(size_t)> tokens = {};
};

/// The means over all tokens that carry loss, and the weight of these.
struct Means {
  std::vector<double> values;
  double weight;
};

/// Calls `done` after each batch with the number done so far; it returns whether to go on. Several
/// processes measure some batches each, all get the means that one would, to the bit, and the
/// number is what it would be if the others were as far. Throws NotFinite, which names it, if a
/// mean is not finite, and Error if no token carries loss.
Means measure(const Measurement& measurement, const std::function<bool(size_t)>& done = {},
              const distributed::Group& ranks = distributed::alone());

/// Makes and evaluates batches one by one. Throws as `measure` does, and as data::make_batch does.
Evaluation evaluate(const models::LayerRunner& runner, const data::EvaluationBatches& batches,
                    const std::function<bool(size_t)>& done = {},
                    const distributed::Group& ranks = distributed::alone());

}  // namespace graft::training
