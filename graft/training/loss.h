#pragma once

#include <functional>
#include <vector>

#include "graft/data/batch.h"
#include "graft/lora/adapters.h"
#include "graft/models/model.h"
#include "graft/ops/head_loss.h"

namespace graft::training {

namespace mx = mlx::core;

/// The next-token loss of a batch: its mean over the batch's tokens, and each token's.
ops::HeadLoss batch_loss(const models::Model& model, const data::Batch& batch);

/// The same with dropout, to be differentiated by the adapters' values. With `recompute`, the
/// gradient keeps the layers' inputs alone (recomputed_layer.h).
ops::HeadLoss training_loss(const models::Model& model, const lora::Adapters& adapters,
                            const data::Batch& batch, bool recompute);

/// Loss of a data set, as the mean over all its tokens.
struct Evaluation {
  double loss;
  int64_t tokens;
  double seconds;

  double perplexity() const;
};

/// Evaluates batches one by one. `done` is called after each with the count of those done, and says
/// whether to go on. Throws Error if a loss is not finite.
Evaluation evaluate(const models::Model& model, const std::vector<data::Batch>& batches,
                    const std::function<bool(size_t)>& done = {});

}  // namespace graft::training
