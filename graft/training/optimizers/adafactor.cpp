#include <mlx/ops.h>

#include <algorithm>
#include <cmath>

#include "graft/ops/adafactor.h"
#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

// Of the squares q [.., R, C] of gradients, the moving averages of the means over rows ("row"
// [.., R]) and columns ("col" [.., C]) are kept alone, whose outer product stands for the average
// of q; for a vector, that average itself ("v").
class Adafactor final : public Optimizer {
 public:
  explicit Adafactor(const AdafactorConfig& config) : config_(config) {}

  Moments start_of(const mx::array& parameter) const override {
    Moments moments;
    if (parameter.ndim() < 2) {
      moments.insert({"v", mx::zeros_like(parameter)});
    } else {
      mx::Shape row = parameter.shape(), col = parameter.shape();
      row.pop_back();
      col.erase(col.end() - 2);
      moments.insert({"row", mx::zeros(row)});
      moments.insert({"col", mx::zeros(col)});
    }
    if (config_.beta1) moments.insert({"m", mx::zeros_like(parameter)});
    return moments;
  }

  void step(const std::string&, mx::array& parameter, Moments& moments, const mx::array& gradient,
            float rate, int64_t number) const override {
    const ops::AdafactorOptions options = options_of(rate, static_cast<float>(number));
    std::optional<mx::array> m;
    if (config_.beta1) m = moments.at("m");
    if (parameter.ndim() < 2) {
      const auto next = ops::adafactor_step(
          ops::AdafactorVectorState{parameter, moments.at("v"), m}, gradient, options);
      parameter = next.parameter;
      moments = {{"v", next.v}};
      m = next.m;
    } else {
      const auto next = ops::adafactor_step(
          ops::AdafactorState{parameter, moments.at("row"), moments.at("col"), m}, gradient,
          options);
      parameter = next.parameter;
      moments = {{"row", next.row}, {"col", next.col}};
      m = next.m;
    }
    if (m) moments.insert({"m", *m});
  }

 private:
  ops::AdafactorOptions options_of(float rate, float number) const {
    if (config_.relative_step) {
      rate = std::min(config_.warmup_init ? 1e-6f * number : 1e-2f, 1 / std::sqrt(number));
    }
    return {.rate = rate,
            .keep = 1 - std::pow(number, config_.decay_rate),
            .eps = config_.eps,
            .scale_eps = config_.scale_eps,
            .clip_threshold = config_.clip_threshold,
            .weight_decay = config_.weight_decay,
            .scale_parameter = config_.scale_parameter,
            .beta1 = config_.beta1.value_or(0)};
  }

  AdafactorConfig config_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adafactor(const AdafactorConfig& config) {
  return std::make_unique<Adafactor>(config);
}

}  // namespace graft::training
