#pragma once

#include <functional>

#include "graft/base/error.h"
#include "graft/data/batch.h"
#include "graft/models/layer_runner.h"

namespace graft::training {

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

/// Makes and evaluates batches one by one. Calls `done` after each with the number done so far; it
/// returns whether to go on. Throws NotFinite, which names the data set, if a loss is not finite,
/// and Error if no token carries loss, or as data::make_batch does.
Evaluation evaluate(const models::LayerRunner& runner, const data::EvaluationBatches& batches,
                    const std::function<bool(size_t)>& done = {});

}  // namespace graft::training
