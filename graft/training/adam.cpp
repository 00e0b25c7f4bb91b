#include "graft/ops/adam.h"

#include "graft/training/optimizer.h"

namespace graft::training {
namespace {

class Adam final : public Optimizer {
  int moments() const override { return 2; }

  void step(mx::array& parameter, std::vector<mx::array>& moments, const mx::array& gradient,
            float rate) const override {
    const ops::AdamState next =
        ops::adam_step({parameter, moments[0], moments[1]}, gradient, {.learning_rate = rate});
    parameter = next.parameter;
    moments = {next.m, next.v};
  }
};

}  // namespace

std::unique_ptr<Optimizer> make_adam() { return std::make_unique<Adam>(); }

}  // namespace graft::training
