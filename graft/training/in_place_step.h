#pragma once

#include <stdexcept>
#include <vector>

#include "graft/base/error.h"
#include "graft/training/gradients.h"
#include "graft/training/lazy_step.h"
#include "graft/training/optimizer.h"

namespace graft::training {

/// A step came to nothing after it had changed some of the parameters.
class StateLost : public Error {
 public:
  using Error::Error;
};

/// Whether these parameters are so many that a step goes in place: weights that are trained as they
/// are, not adapters alone.
bool goes_in_place(const models::ParameterSet& parameters);

/// The indices of the parameters of each layer, the uppermost first, as their gradients come.
std::vector<std::vector<size_t>> by_layer(const models::ParameterSet& parameters);

/// What came of a step in place.
struct InPlaceStep {
  double loss = 0;
  double gradient_norm = 0;
  bool finite = false;  // else nothing was changed
  std::vector<mx::array> token_losses;
};

/// Takes a step on `state`, whose parameters are those of `parameters`, without a second state in
/// memory: each parameter and its moments are written over, so that nobody else may hold them.
/// Without a limit of the norm, and with one batch, a layer's gradients are computed, used and let
/// go before those of the layer below; else all are there before the first one is used. Throws
/// StateLost for whatever fails after others were used: a gradient or parameter that is not finite,
/// no memory, files of the model that changed.
InPlaceStep step_in_place(const Objective& objective, const models::LayerRunner& runner,
                          const Optimizer& optimizer, const models::ParameterSet& parameters,
                          TrainState& state, const std::vector<data::Batch>& group,
                          const StepOptions& options);

}  // namespace graft::training
