#include "graft/ops/cpu/activation.h"

#include "graft/kernels/activation.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Inputs: gate, d_out[, up]. Outputs: d_gate[, d_up].
class ActivateBackward final : public CpuPrimitive {
 public:
  ActivateBackward(Activation kind, int64_t count, kernels::ScalarType type)
      : kind_(kind), count_(count), type_(type) {}
  const char* name() const override { return "ActivateBackward"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    bool gated = in.size() > 2;
    kernels::activation_backward(kind_, count_, type_, in[0].data, gated ? in[2].data : nullptr,
                                 in[1].data, out[0].data, gated ? out[1].data : nullptr);
  }

 private:
  Activation kind_;
  int64_t count_;
  kernels::ScalarType type_;
};

// Inputs: gate[, up]. Output: act(gate)[ * up].
class Activate final : public CpuPrimitive {
 public:
  Activate(Activation kind, int64_t count, kernels::ScalarType type)
      : kind_(kind), count_(count), type_(type) {}
  const char* name() const override { return "Activate"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    kernels::activation(kind_, count_, type_, in[0].data, in.size() > 1 ? in[1].data : nullptr,
                        out[0].data);
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>&) override {
    const mx::array& gate = primals[0];
    std::vector<mx::array> inputs = {gate, cotangents[0]};
    if (primals.size() > 1) inputs.push_back(primals[1]);
    auto gradients = apply(std::make_shared<ActivateBackward>(kind_, count_, type_),
                           std::vector<mx::Shape>(primals.size(), gate.shape()),
                           std::vector<mx::Dtype>(primals.size(), gate.dtype()), std::move(inputs));
    std::vector<mx::array> results;
    for (int argument : argnums) results.push_back(gradients[static_cast<size_t>(argument)]);
    return results;
  }

 private:
  Activation kind_;
  int64_t count_;
  kernels::ScalarType type_;
};

}  // namespace

mx::array activation(Activation kind, const mx::array& gate, const std::optional<mx::array>& up) {
  auto node = std::make_shared<Activate>(kind, static_cast<int64_t>(gate.size()),
                                         scalar_type(gate.dtype()));
  std::vector<mx::array> inputs = {gate};
  if (up) inputs.push_back(*up);
  return apply(node, {gate.shape()}, {gate.dtype()}, std::move(inputs))[0];
}

}  // namespace graft::ops::cpu
