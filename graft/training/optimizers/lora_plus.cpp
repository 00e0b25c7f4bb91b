#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

class LoraPlus final : public Optimizer {
 public:
  LoraPlus(std::unique_ptr<Optimizer> optimizer, float ratio)
      : optimizer_(std::move(optimizer)), ratio_(ratio) {}

  Moments start_of(const mx::array& parameter) const override {
    return optimizer_->start_of(parameter);
  }

  void step(const std::string& name, mx::array& parameter, Moments& moments,
            const mx::array& gradient, float rate, int64_t number) const override {
    const bool faster = name.ends_with("lora_b") || parameter.ndim() == 1;
    optimizer_->step(name, parameter, moments, gradient, faster ? ratio_ * rate : rate, number);
  }

 private:
  std::unique_ptr<Optimizer> optimizer_;
  float ratio_;
};

}  // namespace

std::unique_ptr<Optimizer> make_lora_plus(std::unique_ptr<Optimizer> optimizer, float ratio) {
  return std::make_unique<LoraPlus>(std::move(optimizer), ratio);
}

}  // namespace graft::training
