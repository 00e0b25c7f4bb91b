#include "graft/ops/muon.h"

#include <mlx/ops.h>

#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

// In f32, as MLX has it.
class Muon final : public Optimizer {
 public:
  explicit Muon(const MuonConfig& config)
      : config_(config), vectors_(make_adam({.weight_decay = config.weight_decay})) {}

  Moments start_of(const mx::array& parameter) const override {
    if (parameter.ndim() < 2) return vectors_->start_of(parameter);
    return {{"v", mx::zeros_like(parameter)}};
  }

  void step(const std::string& name, mx::array& parameter, Moments& moments,
            const mx::array& gradient, float rate, int64_t number) const override {
    if (parameter.ndim() < 2) {
      vectors_->step(name, parameter, moments, gradient, rate, number);
      return;
    }
    const ops::MuonState next = ops::muon_step({parameter, moments.at("v")}, gradient,
                                               {.learning_rate = rate,
                                                .momentum = config_.momentum,
                                                .weight_decay = config_.weight_decay,
                                                .nesterov = config_.nesterov,
                                                .iterations = config_.ns_steps});
    parameter = next.parameter;
    moments = {{"v", next.v}};
  }

 private:
  MuonConfig config_;
  std::unique_ptr<Optimizer> vectors_;
};

}  // namespace

std::unique_ptr<Optimizer> make_muon(const MuonConfig& config) {
  return std::make_unique<Muon>(config);
}

}  // namespace graft::training
