#include "graft/ops/cpu/adam.h"

#include "graft/kernels/adam.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Inputs: gradient, parameter, m, v. Outputs: the new parameter, m, v.
class AdamStep final : public CpuPrimitive {
 public:
  AdamStep(const AdamOptions& options, int64_t count)
      : options_(kernel_options(options)), count_(count) {}
  const char* name() const override { return "AdamStep"; }
  int in_place_of(size_t output) const override { return static_cast<int>(output) + 1; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    auto from = [&](size_t i) { return static_cast<const float*>(in[i].data); };
    auto to = [&](size_t i) { return static_cast<float*>(out[i].data); };
    kernels::adam_update(options_, count_, from(0), from(1), from(2), from(3), to(0), to(1), to(2));
  }

 private:
  kernels::AdamOptions options_;
  int64_t count_;
};

}  // namespace

kernels::AdamOptions kernel_options(const AdamOptions& options) {
  const BiasCorrection correction = bias_correction(options);
  return {.learning_rate = options.learning_rate,
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .eps = options.eps,
          .weight_decay = options.weight_decay,
          .bias_correction1 = correction.m,
          .bias_correction2 = correction.v};
}

AdamState adam_step(const AdamState& s, const mx::array& gradient, const AdamOptions& options) {
  auto node = std::make_shared<AdamStep>(options, static_cast<int64_t>(gradient.size()));
  auto out = apply(node, {gradient.shape(), gradient.shape(), gradient.shape()},
                   {mx::float32, mx::float32, mx::float32}, {gradient, s.parameter, s.m, s.v});
  return {out[0], out[1], out[2]};
}

}  // namespace graft::ops::cpu
