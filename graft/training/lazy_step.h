#pragma once

#include <vector>

#include "graft/distributed/group.h"
#include "graft/training/gradients.h"
#include "graft/training/optimizer.h"

namespace graft::training {

/// What a step depends on besides the model and its data.
struct StepOptions {
  float rate = 0;      // the learning rate
  float max_norm = 0;  // of all gradients together; 0: no limit
  nn::DropoutKey dropout = {};
  // Where the step's batches are shared out: the weight of all of them (0: that of those given) and
  // their number, with whom, and what of the gradients goes between them.
  double weight = 0;
  size_t batches = 0;
  const distributed::Group& ranks = distributed::alone();
  distributed::WireType wire = distributed::WireType::f32;
};

/// A step before it is computed: the graph that its arrays stand for. The batches of a group except
/// the last one are computed as it is built (see Gradients).
struct LazyStep {
  Gradients gradients;
  mx::array norm;              // of the gradients before they are clipped, f32 scalar
  TrainState next;             // the state after the step
  mx::array gradients_finite;  // whether all of them and their norm are, bool scalar
  mx::array next_finite;       // whether the parameters of `next` are, bool scalar

  /// All that is computed together.
  std::vector<mx::array> results() const;
};

/// `state` is that of the parameters now. Where the step is not shared out, the group has at least
/// one batch.
LazyStep lazy_step(const Objective& objective, const models::LayerRunner& runner,
                   const Optimizer& optimizer, const models::ParameterSet& parameters,
                   const TrainState& state, const std::vector<data::Batch>& group,
                   const StepOptions& options);

}  // namespace graft::training
