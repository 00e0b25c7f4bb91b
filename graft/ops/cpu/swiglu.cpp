#include "graft/ops/cpu/swiglu.h"

#include "graft/kernels/swiglu.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

class SwigluBackward final : public CpuPrimitive {
 public:
  SwigluBackward(int64_t count, kernels::ScalarType type) : count_(count), type_(type) {}
  const char* name() const override { return "SwigluBackward"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    kernels::swiglu_backward(count_, type_, in[0].data, in[1].data, in[2].data, out[0].data,
                             out[1].data);
  }

 private:
  int64_t count_;
  kernels::ScalarType type_;
};

class Swiglu final : public CpuPrimitive {
 public:
  Swiglu(int64_t count, kernels::ScalarType type) : count_(count), type_(type) {}
  const char* name() const override { return "Swiglu"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    kernels::swiglu(count_, type_, in[0].data, in[1].data, out[0].data);
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>&) override {
    const mx::array& gate = primals[0];
    auto gradients =
        apply(std::make_shared<SwigluBackward>(count_, type_), {gate.shape(), gate.shape()},
              {gate.dtype(), gate.dtype()}, {gate, primals[1], cotangents[0]});
    std::vector<mx::array> results;
    for (int argument : argnums) results.push_back(gradients[static_cast<size_t>(argument)]);
    return results;
  }

 private:
  int64_t count_;
  kernels::ScalarType type_;
};

}  // namespace

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  auto node =
      std::make_shared<Swiglu>(static_cast<int64_t>(gate.size()), scalar_type(gate.dtype()));
  return apply(node, {gate.shape()}, {gate.dtype()}, {gate, up})[0];
}

}  // namespace graft::ops::cpu
