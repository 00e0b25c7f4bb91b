#pragma once

#include <mlx/array.h>

#include <map>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/ops/head.h"
#include "graft/training/objective.h"

namespace graft::calibration {

namespace mx = mlx::core;

/// What a model predicts of some texts: the states that its head reads, and that head.
struct Predicted {
  std::vector<mx::array> states;  // [N, D] of each batch
  ops::Head head;
};

/// How far a model is from another one: the Kullback-Leibler divergence of its next-token
/// distributions from the other's.
class Divergence final : public training::Objective {
 public:
  /// `wanted`: of these batches, by the other model. `tunes_head`: scales and biases of the model's
  /// head are among what is differentiated by.
  Divergence(const std::vector<data::Batch>& batches, const Predicted& wanted,
             bool tunes_head = false);

  training::Loss operator()(const models::LayerRunner& runner, const data::Batch& batch,
                            const training::ObjectiveOptions& options) const override;

 private:
  std::map<std::vector<size_t>, mx::array> states_;  // by the batch's examples
  ops::Head head_;
  bool tunes_head_;
};

/// What a model predicts of batches. As all of these it asks before each batch whether to stop, and
/// throws Cancelled.
Predicted predictions_of(const models::Model& model, const std::vector<data::Batch>& batches,
                         const FrontEnd& front_end = *silent_front_end());

/// A model's loss: the weighted mean over all tokens that carry loss. Throws training::NotFinite.
double mean_loss(const models::Model& model, const std::vector<data::Batch>& batches,
                 const FrontEnd& front_end = *silent_front_end());

/// Means over all tokens that carry loss.
struct Comparison {
  double loss;        // the model's own
  double divergence;  // from the other model
};

/// A model beside what another one predicts of the batches, `wanted`. Throws training::NotFinite.
Comparison compare(const models::Model& model, const std::vector<data::Batch>& batches,
                   const Predicted& wanted, const FrontEnd& front_end = *silent_front_end());

}  // namespace graft::calibration
