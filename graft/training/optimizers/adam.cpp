#include "graft/ops/adam.h"

#include <mlx/ops.h>

#include "graft/training/optimizer.h"

namespace graft::training {
namespace {

class Adam final : public Optimizer {
 public:
  explicit Adam(const AdamConfig& config) : config_(config) {}

  Moments start_of(const mx::array& parameter) const override {
    return {{"m", mx::zeros_like(parameter)}, {"v", mx::zeros_like(parameter)}};
  }

  void step(const std::string&, mx::array& parameter, Moments& moments, const mx::array& gradient,
            float rate, int64_t number) const override {
    const ops::AdamOptions options{.learning_rate = rate,
                                   .beta1 = config_.beta1,
                                   .beta2 = config_.beta2,
                                   .eps = config_.eps,
                                   .weight_decay = config_.weight_decay,
                                   .corrected_step = config_.bias_correction ? number : 0,
                                   .correction_in = config_.exact_correction
                                                        ? ops::CorrectionIn::f64
                                                        : ops::CorrectionIn::f32};
    const ops::AdamState next =
        ops::adam_step({parameter, moments.at("m"), moments.at("v")}, gradient, options);
    parameter = next.parameter;
    moments = {{"m", next.m}, {"v", next.v}};
  }

 private:
  AdamConfig config_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const AdamConfig& config) {
  return std::make_unique<Adam>(config);
}

}  // namespace graft::training
