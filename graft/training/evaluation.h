#pragma once

#include <functional>
#include <vector>

#include "graft/base/error.h"
#include "graft/data/batch.h"
#include "graft/models/model.h"

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

/// Evaluates batches one by one. Calls `done` after each with the number done so far; it returns
/// whether to go on. Throws NotFinite, which names `file`, if a loss is not finite, and Error if no
/// token carries loss.
Evaluation evaluate(const models::Model& model, const std::vector<data::Batch>& batches,
                    const std::function<bool(size_t)>& done = {}, const std::string& file = {});

}  // namespace graft::training
