#pragma once

#include <cstdint>
#include <memory>

#include "graft/training/gradients.h"
#include "graft/training/train_state.h"

namespace graft::training {

/// Updates parameters from their gradients. All state is in the TrainState. To add an optimizer,
/// write a subclass in its own file.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// The state before the first step.
  TrainState start(const models::ParameterSet& parameters) const;
  /// The state after one more step; lazy.
  TrainState update(const TrainState& state, const Gradients& gradients, float rate) const;

 protected:
  /// What is kept for a parameter, before the first step.
  virtual Moments start_of(const mx::array& parameter) const = 0;
  /// Changes one parameter, of this name, and its moments, in step number `number`, counted from 1.
  virtual void step(const std::string& name, mx::array& parameter, Moments& moments,
                    const mx::array& gradient, float rate, int64_t number) const = 0;
};

/// The defaults are those of MLX's Adam.
struct AdamConfig {
  float beta1 = 0.9f, beta2 = 0.999f;
  float eps = 1e-8f;
  float weight_decay = 0;        // decoupled, as in AdamW
  bool bias_correction = false;  // PyTorch always does it
};

/// Adam and AdamW (ops/adam.h).
std::unique_ptr<Optimizer> make_adam(const AdamConfig& config = {});

}  // namespace graft::training
