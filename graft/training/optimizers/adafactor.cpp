#include <algorithm>
#include <cmath>

#include "graft/ops/scaled.h"
#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

mx::array root_mean_square(const mx::array& x) { return mx::sqrt(mx::mean(mx::square(x))); }

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
    const mx::array step_size = step_size_of(parameter, rate, static_cast<float>(number));
    mx::array update = normalized(gradient, moments, static_cast<float>(number));
    const mx::array excess = mx::maximum(
        mx::array(1.0f), mx::divide(root_mean_square(update), mx::array(config_.clip_threshold)));
    update = mx::multiply(mx::divide(step_size, excess), update);
    if (config_.beta1) {
      mx::array& m = moments.at("m");
      m = mx::add(ops::scaled(m, *config_.beta1), ops::scaled(update, 1 - *config_.beta1));
      update = m;
    }
    if (config_.weight_decay != 0) {
      update =
          mx::add(update, mx::multiply(ops::scaled(step_size, config_.weight_decay), parameter));
    }
    parameter = mx::subtract(parameter, update);
  }

 private:
  // f32 scalar.
  mx::array step_size_of(const mx::array& parameter, float rate, float number) const {
    if (config_.relative_step) {
      rate = std::min(config_.warmup_init ? 1e-6f * number : 1e-2f, 1 / std::sqrt(number));
    }
    if (!config_.scale_parameter) return mx::array(rate);
    return ops::scaled(mx::maximum(mx::array(config_.scale_eps), root_mean_square(parameter)),
                       rate);
  }

  // The gradient over the root of its square's moving average.
  mx::array normalized(const mx::array& gradient, Moments& moments, float number) const {
    const float keep = 1 - std::pow(number, config_.decay_rate);
    auto average = [&](const char* name, const mx::array& fresh) {
      mx::array& kept = moments.at(name);
      kept = mx::add(ops::scaled(kept, keep), ops::scaled(fresh, 1 - keep));
      return kept;
    };
    const mx::array squares = mx::add(mx::square(gradient), mx::array(config_.eps));
    if (gradient.ndim() < 2) {
      return mx::multiply(mx::rsqrt(average("v", squares)), gradient);
    }
    const mx::array row = average("row", mx::mean(squares, -1));
    const mx::array col = average("col", mx::mean(squares, -2));
    const mx::array row_factor = mx::rsqrt(mx::divide(row, mx::mean(row, -1, true)));
    return mx::multiply(
        mx::multiply(mx::expand_dims(row_factor, -1), mx::expand_dims(mx::rsqrt(col), -2)),
        gradient);
  }

  AdafactorConfig config_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adafactor(const AdafactorConfig& config) {
  return std::make_unique<Adafactor>(config);
}

}  // namespace graft::training
