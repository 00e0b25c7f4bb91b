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
  /// How many arrays are kept for each parameter; zeros at first.
  virtual int moments() const = 0;
  /// Changes one parameter and its moments, in step number `number`, counted from 1.
  virtual void step(mx::array& parameter, std::vector<mx::array>& moments,
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
