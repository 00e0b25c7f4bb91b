#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "graft/data/sampler.h"
#include "graft/distributed/group.h"
#include "graft/lora/adapters.h"
#include "graft/models/layer_runner.h"
#include "graft/training/events.h"
#include "graft/training/lazy_step.h"
#include "graft/training/objective.h"
#include "graft/training/optimizer.h"
#include "graft/training/train_options.h"
#include "graft/training/train_state.h"

namespace graft::training {

/// What came of a step.
struct StepResult {
  double loss = 0;
  double gradient_norm = 0;        // of all gradients together, before they are clipped
  int64_t tokens = 0;              // trained
  bool from_good = false;          // loss and gradient of the state before it are finite
  std::optional<Skipped> skipped;  // where it was without effect; of no iteration yet
};

/// The steps of a training: each takes batches, computes loss and gradient, clips and updates.
class Stepper {
 public:
  /// Of the options it takes those of batches, optimizer, seed, max_norm and grad_checkpoint.
  /// Each of `ranks` computes its share of every step, and has the same state after it. Model,
  /// adapters, data and ranks must outlive it.
  Stepper(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
          const TrainOptions& options, const distributed::Group& ranks = distributed::alone());

  /// The state before the first step, with the adapters' parameters as they are now.
  TrainState start() const;

  /// Goes from `state`, whose parameters are the adapters', to the next one, with this learning
  /// rate, after so many `iterations`, which with the seed decide what dropout drops. If its loss,
  /// a gradient or a new parameter is not finite, nothing changes but the place in the data.
  /// Throws Error if the model's files change meanwhile, StateLost as step_in_place; the next step
  /// would take the same batches.
  StepResult step(TrainState& state, int64_t iterations, float rate);

  /// Whether a step writes over the state it is given, of which there is one in memory then: where
  /// weights are trained as they are. A skipped step changes nothing, as always.
  bool in_place() const;

  data::Sampler& sampler() { return sampler_; }
  const data::Sampler& sampler() const { return sampler_; }

 private:
  StepResult step_on(const std::vector<data::Batch>& all, TrainState& state, int64_t iterations,
                     float rate);
  StepResult step_to(TrainState& state, const std::vector<data::Batch>& own,
                     const StepOptions& options);
  StepResult step_over(TrainState& state, const std::vector<data::Batch>& own,
                       const StepOptions& options);
  Skipped skipped_step(const std::vector<data::Batch>& own,
                       const std::vector<mx::array>& token_losses) const;

  lora::Adapters& adapters_;
  const data::Dataset& train_;
  const distributed::Group& ranks_;
  distributed::WireType wire_;
  uint64_t seed_;
  float max_norm_;
  std::unique_ptr<models::LayerRunner> runner_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Optimizer> optimizer_;
  data::Sampler sampler_;
};

}  // namespace graft::training
