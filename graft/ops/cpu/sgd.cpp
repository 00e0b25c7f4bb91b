#include "graft/ops/cpu/sgd.h"

#include "graft/kernels/sgd.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Inputs: gradient, parameter and, with momentum, the velocity. Outputs: the new ones of the two.
class SgdStep final : public CpuPrimitive {
 public:
  SgdStep(const SgdOptions& options, int64_t count)
      : options_{.learning_rate = options.learning_rate,
                 .weight_decay = options.weight_decay,
                 .momentum = static_cast<float>(options.momentum),
                 .fresh = static_cast<float>(1 - options.dampening),
                 .nesterov = options.nesterov},
        count_(count) {}
  const char* name() const override { return "SgdStep"; }
  int in_place_of(size_t output) const override { return static_cast<int>(output) + 1; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    auto from = [&](size_t i) {
      return i < in.size() ? static_cast<const float*>(in[i].data) : nullptr;
    };
    auto to = [&](size_t i) { return i < out.size() ? static_cast<float*>(out[i].data) : nullptr; };
    kernels::sgd_update(options_, count_, from(0), from(1), from(2), to(0), to(1));
  }

 private:
  kernels::SgdOptions options_;
  int64_t count_;
};

}  // namespace

SgdState sgd_step(const SgdState& s, const mx::array& gradient, const SgdOptions& options) {
  auto node = std::make_shared<SgdStep>(options, static_cast<int64_t>(gradient.size()));
  std::vector<mx::array> inputs = {gradient, s.parameter};
  if (s.velocity) inputs.push_back(*s.velocity);
  const size_t outputs = inputs.size() - 1;
  auto out = apply(node, std::vector(outputs, gradient.shape()), std::vector(outputs, mx::float32),
                   std::move(inputs));
  if (!s.velocity) return {out[0], {}};
  return {out[0], out[1]};
}

}  // namespace graft::ops::cpu
