#pragma once

#include <string>
#include <vector>

#include "graft/base/activation.h"
#include "graft/models/model.h"
#include "graft/models/tensor_source.h"
#include "graft/nn/linear.h"

namespace graft::models {

/// The settings of a feed-forward layer, from a family's config.
struct MlpConfig {
  enum class Form {
    gated,        // down(act(gate(x)) * up(x))
    fused_gated,  // the same, gate and up being one gate_up_proj [2F, D]
    plain,        // down(act(up(x)))
  };

  Form form = Form::gated;
  int hidden_size = 0;        // D
  int intermediate_size = 0;  // F
  Activation activation = Activation::silu;
  bool bias = false;
  std::string up = "up_proj", down = "down_proj";
};

/// A feed-forward layer.
class Mlp {
 public:
  Mlp(TensorSource& source, const std::string& path, const MlpConfig& config);

  /// x [N, D] to [N, D].
  mx::array operator()(const mx::array& x, const Dropout& dropout) const;
  /// Its weights.
  void add_to(std::vector<Part>& parts, int layer);
  const MlpConfig& config() const { return config_; }

 private:
  mx::array activated(const mx::array& x, const Dropout& dropout) const;

  MlpConfig config_;
  std::vector<nn::Linear> inputs_;  // gate and up, both in one, or up alone
  nn::Linear output_;
};

}  // namespace graft::models
