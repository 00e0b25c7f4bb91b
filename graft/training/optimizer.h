#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/training/gradients.h"
#include "graft/training/train_state.h"

namespace graft::training {

/// Updates parameters from their gradients. All state is in the TrainState. To add an optimizer,
/// write a subclass in its own file in training/optimizers.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// The state before the first step.
  TrainState start(const models::ParameterSet& parameters) const;
  /// The state after one more step; lazy.
  TrainState update(const TrainState& state, const Gradients& gradients, float rate) const;

  /// What is kept for a parameter, before the first step.
  virtual Moments start_of(const mx::array& parameter) const = 0;
  /// Changes one parameter, of this name, and its moments, in step number `number`, counted from 1.
  virtual void step(const std::string& name, mx::array& parameter, Moments& moments,
                    const mx::array& gradient, float rate, int64_t number) const = 0;
};

/// Which optimizer, and what it does otherwise than by default. An option that is not set has the
/// default of MLX's optimizer of that name, except where it is said; one that the optimizer does
/// not have must not be set. The names are those of mlx-lm's optimizer_config, where `betas` and
/// `eps` may be lists.
struct OptimizerOptions {
  std::string name = "adam";  // one of optimizer_names()

  std::optional<double> beta1 = {};  // adam, adamw (0.9), lion (0.9); adafactor: beta_1, none
  std::optional<double> beta2 = {};  // adam, adamw (0.999), lion (0.99)
  std::optional<double> eps = {};    // adam, adamw (1e-8); adafactor: of squares (1e-30)
  std::optional<double> weight_decay = {};   // all but adam; 0.01 for adamw and muon, else 0
  std::optional<bool> bias_correction = {};  // adam, adamw (false)
  int adam_bits = 32;                        // of adam's and adamw's moving averages; or 8

  std::optional<double> momentum = {};   // sgd (0), muon (0.95)
  std::optional<double> dampening = {};  // sgd (0)
  std::optional<bool> nesterov = {};     // sgd (false), muon (true)
  std::optional<int> ns_steps = {};      // muon (5): Newton-Schulz iterations

  // Of adafactor. By default the step is the learning rate's, as with the others: MLX's defaults,
  // true and true, ignore the learning rate and scale steps by the size of the parameter, so that a
  // LoRA factor that is zero at first hardly moves. In messages the names that schedules have, too,
  // are `adafactor_warmup_init` and `adafactor_decay_rate`.
  std::optional<bool> relative_step = {};     // false: true takes 1 / sqrt(step) for the rate
  std::optional<bool> scale_parameter = {};   // false
  std::optional<bool> warmup_init = {};       // false; with relative_step
  std::optional<double> scale_eps = {};       // the least scale (1e-3): eps[1]
  std::optional<double> clip_threshold = {};  // of the root mean square of an update (1)
  std::optional<double> decay_rate = {};  // -0.8: the moving average of squares keeps 1 - step^-0.8

  /// LoRA+ (Hayou et al., arXiv:2402.12354): the factor for the learning rate of the parameters
  /// that are called lora_b, and of vectors, as in peft. The paper suggests 16.
  double lora_plus_ratio = 1;
};

/// The optimizers that there are: adam, adamw, sgd, lion, adafactor, muon.
std::vector<std::string> optimizer_names();

/// Throws UsageError, which names the option, for an unknown optimizer, for an option that it does
/// not have, and for a value out of its range.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options);

/// The defaults are those of MLX's Adam.
struct AdamConfig {
  double beta1 = 0.9, beta2 = 0.999;
  float eps = 1e-8f;
  float weight_decay = 0;         // decoupled, as in AdamW
  bool bias_correction = false;   // PyTorch always does it
  bool exact_correction = false;  // compute it in f64, as PyTorch, not in f32, as MLX
};

/// Adam and AdamW (ops/adam.h).
std::unique_ptr<Optimizer> make_adam(const AdamConfig& config = {});

}  // namespace graft::training
