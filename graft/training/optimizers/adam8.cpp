#include "graft/ops/adam8.h"

#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

constexpr size_t kLeast = 4096;  // parameters that are worth 8 bits: bitsandbytes' min_8bit_size

AdamConfig with_exact_correction(AdamConfig config) {
  config.exact_correction = true;
  return config;
}

class Adam8 final : public Optimizer {
 public:
  explicit Adam8(const AdamConfig& config)
      : config_(with_exact_correction(config)), small_(make_adam(config_)) {}

  Moments start_of(const mx::array& parameter) const override {
    if (parameter.size() < kLeast) return small_->start_of(parameter);
    const auto zeros = ops::CodedAverage::zeros(parameter);
    return moments_of(zeros, zeros);
  }

  void step(const std::string& name, mx::array& parameter, Moments& moments,
            const mx::array& gradient, float rate, int64_t number) const override {
    if (parameter.size() < kLeast) {
      small_->step(name, parameter, moments, gradient, rate, number);
      return;
    }
    const ops::AdamOptions options{.learning_rate = rate,
                                   .beta1 = config_.beta1,
                                   .beta2 = config_.beta2,
                                   .eps = config_.eps,
                                   .weight_decay = config_.weight_decay,
                                   .corrected_step = config_.bias_correction ? number : 0,
                                   .correction_in = ops::CorrectionIn::f64};
    const ops::Adam8State next = ops::adam8_step({parameter,
                                                  {moments.at("m"), moments.at("m_largest")},
                                                  {moments.at("v"), moments.at("v_largest")}},
                                                 gradient, options);
    parameter = next.parameter;
    moments = moments_of(next.m, next.v);
  }

 private:
  static Moments moments_of(const ops::CodedAverage& m, const ops::CodedAverage& v) {
    return {{"m", m.codes}, {"m_largest", m.largest}, {"v", v.codes}, {"v_largest", v.largest}};
  }

  AdamConfig config_;
  std::unique_ptr<Optimizer> small_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam8(const AdamConfig& config) {
  return std::make_unique<Adam8>(config);
}

}  // namespace graft::training
