#include "graft/ops/lion.h"

#include <mlx/ops.h>

#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

class Lion final : public Optimizer {
 public:
  explicit Lion(const LionConfig& config) : config_(config) {}

  Moments start_of(const mx::array& parameter) const override {
    return {{"m", mx::zeros_like(parameter)}};
  }

  void step(const std::string&, mx::array& parameter, Moments& moments, const mx::array& gradient,
            float rate, int64_t) const override {
    const ops::LionState next = ops::lion_step({parameter, moments.at("m")}, gradient,
                                               {.learning_rate = rate,
                                                .beta1 = config_.beta1,
                                                .beta2 = config_.beta2,
                                                .weight_decay = config_.weight_decay});
    parameter = next.parameter;
    moments = {{"m", next.m}};
  }

 private:
  LionConfig config_;
};

}  // namespace

std::unique_ptr<Optimizer> make_lion(const LionConfig& config) {
  return std::make_unique<Lion>(config);
}

}  // namespace graft::training
