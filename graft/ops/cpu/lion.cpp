#include "graft/ops/cpu/lion.h"

#include "graft/kernels/lion.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Inputs: gradient, parameter, m. Outputs: the new parameter, m.
class LionStep final : public CpuPrimitive {
 public:
  LionStep(const LionOptions& options, int64_t count)
      : options_{.learning_rate = options.learning_rate,
                 .beta1 = options.beta1,
                 .beta2 = options.beta2,
                 .weight_decay = options.weight_decay},
        count_(count) {}
  const char* name() const override { return "LionStep"; }
  int in_place_of(size_t output) const override { return static_cast<int>(output) + 1; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    auto from = [&](size_t i) { return static_cast<const float*>(in[i].data); };
    auto to = [&](size_t i) { return static_cast<float*>(out[i].data); };
    kernels::lion_update(options_, count_, from(0), from(1), from(2), to(0), to(1));
  }

 private:
  kernels::LionOptions options_;
  int64_t count_;
};

}  // namespace

LionState lion_step(const LionState& s, const mx::array& gradient, const LionOptions& options) {
  auto node = std::make_shared<LionStep>(options, static_cast<int64_t>(gradient.size()));
  auto out = apply(node, {gradient.shape(), gradient.shape()}, {mx::float32, mx::float32},
                   {gradient, s.parameter, s.m});
  return {out[0], out[1]};
}

}  // namespace graft::ops::cpu
