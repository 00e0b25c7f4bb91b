#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graft/base/activation.h"
#include "graft/models/model.h"
#include "graft/models/tensor_source.h"
#include "graft/nn/linear.h"

namespace graft::models {

/// The settings of a mixture of experts, from a family's config.
struct ExpertsConfig {
  int hidden_size = 0;         // D
  int intermediate_size = 0;   // F, of each expert
  int count = 0;               // E
  int chosen = 0;              // experts per token
  bool normalize = true;       // the shares of the chosen ones sum to 1
  bool rounds_shares = false;  // the shares are rounded to the activations' type
  Activation activation = Activation::silu;
  std::string gate = "gate_proj", up = "up_proj", down = "down_proj";  // an expert's own layers
};

/// A mixture-of-experts feed-forward layer (Mixtral, arXiv:2401.04088): a router chooses a few
/// experts for each token, and only those are computed. Experts are gated layers; their weights are
/// in mlx-lm's `switch_mlp` or one by one in `experts.<n>`.
class Experts {
 public:
  Experts(TensorSource& source, const std::string& path, const ExpertsConfig& config);

  /// x [N, D] to [N, D].
  mx::array operator()(const mx::array& x, const Dropout& dropout) const;
  /// Its weights.
  void add_to(std::vector<Part>& parts, int layer);
  const ExpertsConfig& config() const { return config_; }

 private:
  ExpertsConfig config_;
  nn::Linear router_;                  // [E, D]
  nn::ExpertLinear gate_, up_, down_;  // E times [F, D], [F, D], [D, F]
};

}  // namespace graft::models
