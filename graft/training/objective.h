#pragma once

#include "graft/data/batch.h"
#include "graft/models/layer_runner.h"

namespace graft::training {

namespace mx = mlx::core;

/// The loss of a batch.
struct Loss {
  mx::array sum;     // f32 scalar: the sum of weight * loss, over the divisor
  mx::array losses;  // [N] f32: each token's, 0 where it carries none
};

struct ObjectiveOptions {
  double divisor = 1;  // of the sum and its gradient: the total weight of a step
  bool differentiated = false;
  models::Dropout dropout = {};  // while training
};

/// What training minimizes: a sum over tokens. To add one, write a subclass in its own file.
class Objective {
 public:
  virtual ~Objective() = default;
  virtual Loss operator()(const models::LayerRunner& runner, const data::Batch& batch,
                          const ObjectiveOptions& options) const = 0;
};

/// The cross-entropy of the next tokens.
class CrossEntropy final : public Objective {
 public:
  Loss operator()(const models::LayerRunner& runner, const data::Batch& batch,
                  const ObjectiveOptions& options) const override;
};

}  // namespace graft::training
