#pragma once

#include <optional>

#include "graft/training/optimizer.h"

// One function an optimizer, each in the file of its name; Adam's is in training/optimizer.h. The
// defaults are MLX's.
namespace graft::training {

/// Adam whose moving averages have 8 bits (ops/adam8.h), those of fewer than 4096 parameters aside,
/// as in bitsandbytes. Bias is corrected in f64.
std::unique_ptr<Optimizer> make_adam8(const AdamConfig& config);

struct SgdConfig {
  double momentum = 0, dampening = 0;
  float weight_decay = 0;  // L2
  bool nesterov = false;
};
std::unique_ptr<Optimizer> make_sgd(const SgdConfig& config);

struct LionConfig {
  double beta1 = 0.9, beta2 = 0.99;
  float weight_decay = 0;  // decoupled
};
std::unique_ptr<Optimizer> make_lion(const LionConfig& config);

/// Shazeer and Stern, arXiv:1804.04235.
struct AdafactorConfig {
  float eps = 1e-30f, scale_eps = 1e-3f;
  float clip_threshold = 1;
  float decay_rate = -0.8f;
  std::optional<double> beta1 = {};  // without: no moving average of updates
  float weight_decay = 0;
  bool scale_parameter = true;  // multiply the rate by max(scale_eps, RMS of the parameter)
  bool relative_step = true;    // the rate is min(0.01, 1 / sqrt(step)), whatever the schedule says
  bool warmup_init = false;     // or min(1e-6 step, 1 / sqrt(step))
};
std::unique_ptr<Optimizer> make_adafactor(const AdafactorConfig& config);

struct MuonConfig {
  double momentum = 0.95;
  float weight_decay = 0.01f;  // L2, before the orthogonalization; of vectors decoupled
  bool nesterov = true;
  int ns_steps = 5;
};
/// Muon for matrices, AdamW for vectors.
std::unique_ptr<Optimizer> make_muon(const MuonConfig& config);

/// Another optimizer with OptimizerOptions::lora_plus_ratio.
std::unique_ptr<Optimizer> make_lora_plus(std::unique_ptr<Optimizer> optimizer, float ratio);

}  // namespace graft::training
