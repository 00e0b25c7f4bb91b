#include "graft/ops/sgd.h"

#include <mlx/ops.h>

#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const SgdConfig& config) : config_(config) {}

  Moments start_of(const mx::array& parameter) const override {
    if (config_.momentum == 0) return {};
    return {{"v", mx::zeros_like(parameter)}};
  }

  void step(const std::string&, mx::array& parameter, Moments& moments, const mx::array& gradient,
            float rate, int64_t) const override {
    ops::SgdState state{parameter, {}};
    if (config_.momentum != 0) state.velocity = moments.at("v");
    state = ops::sgd_step(state, gradient,
                          {.learning_rate = rate,
                           .weight_decay = config_.weight_decay,
                           .momentum = config_.momentum,
                           .dampening = config_.dampening,
                           .nesterov = config_.nesterov});
    parameter = state.parameter;
    if (state.velocity) moments = {{"v", *state.velocity}};
  }

 private:
  SgdConfig config_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const SgdConfig& config) {
  return std::make_unique<Sgd>(config);
}

}  // namespace graft::training
