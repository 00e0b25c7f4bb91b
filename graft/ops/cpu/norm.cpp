#include "graft/ops/cpu/norm.h"

#include "graft/base/error.h"
#include "graft/kernels/layer_norm.h"
#include "graft/kernels/rms_norm.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

using kernels::NormShape;
using Backward = void (*)(const NormShape& shape, const void* sum, const void* weight,
                          const void* d_normed, const void* d_sum, void* d_h);

// Inputs: sum, weight, d_normed and, if the sum was used, d_sum. Output: d_h, which is also
// d_delta.
class AddNormBackward final : public CpuPrimitive {
 public:
  AddNormBackward(const char* name, Backward backward, const NormShape& shape)
      : name_(name), backward_(backward), shape_(shape) {}
  const char* name() const override { return name_; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    backward_(shape_, in[0].data, in[1].data, in[2].data, in.size() > 3 ? in[3].data : nullptr,
              out[0].data);
  }

 private:
  const char* name_;
  Backward backward_;
  NormShape shape_;
};

// Inputs: h, weight[, bias][, delta]. Outputs: normed[, sum].
class AddNormNode : public CpuPrimitive {
 public:
  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) final {
    const bool has_delta = primals.size() > delta_at_;
    std::vector<mx::array> inputs = {has_delta ? outputs[1] : primals[0], primals[1],
                                     cotangents[0]};
    if (has_delta) inputs.push_back(cotangents[1]);
    mx::array gradient =
        apply(backward(), {primals[0].shape()}, {primals[0].dtype()}, std::move(inputs))[0];
    for (int argument : argnums) {
      if (argument != 0 && static_cast<size_t>(argument) != delta_at_) {
        fail("internal: the weights of a norm are frozen");
      }
    }
    return std::vector<mx::array>(argnums.size(), gradient);
  }

 protected:
  AddNormNode(const NormShape& shape, size_t delta_at) : shape_(shape), delta_at_(delta_at) {}
  virtual std::shared_ptr<CpuPrimitive> backward() const = 0;
  const void* delta(const std::vector<Input>& in) const {
    return in.size() > delta_at_ ? in[delta_at_].data : nullptr;
  }
  static void* sum(const std::vector<Output>& out) {
    return out.size() > 1 ? out[1].data : nullptr;
  }

  NormShape shape_;
  size_t delta_at_;
};

class AddRmsNorm final : public AddNormNode {
 public:
  explicit AddRmsNorm(const NormShape& shape) : AddNormNode(shape, 2) {}
  const char* name() const override { return "AddRmsNorm"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    add_rms_norm(shape_, in[0].data, delta(in), in[1].data, sum(out), out[0].data);
  }

 private:
  std::shared_ptr<CpuPrimitive> backward() const override {
    return std::make_shared<AddNormBackward>("AddRmsNormBackward", kernels::add_rms_norm_backward,
                                             shape_);
  }
};

class AddLayerNorm final : public AddNormNode {
 public:
  AddLayerNorm(const NormShape& shape, bool has_bias)
      : AddNormNode(shape, has_bias ? 3 : 2), has_bias_(has_bias) {}
  const char* name() const override { return "AddLayerNorm"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    add_layer_norm(shape_, in[0].data, delta(in), in[1].data, has_bias_ ? in[2].data : nullptr,
                   sum(out), out[0].data);
  }

 private:
  std::shared_ptr<CpuPrimitive> backward() const override {
    return std::make_shared<AddNormBackward>("AddLayerNormBackward",
                                             kernels::add_layer_norm_backward, shape_);
  }

  bool has_bias_;
};

NormShape shape_of(const mx::array& h, const mx::array& weight, float eps) {
  return {h.shape(0), h.shape(1), eps, scalar_type(h.dtype()), scalar_type(weight.dtype())};
}

// Returns the sum and the norm that a norm's primitive computes from {h, weight, ...}, to which a
// delta is appended.
AddNorm apply_norm(std::shared_ptr<CpuPrimitive> node, std::vector<mx::array> inputs,
                   const std::optional<mx::array>& delta) {
  const mx::array h = inputs[0];
  if (!delta) return {h, apply(std::move(node), {h.shape()}, {h.dtype()}, std::move(inputs))[0]};
  inputs.push_back(*delta);
  auto outputs =
      apply(std::move(node), {h.shape(), h.shape()}, {h.dtype(), h.dtype()}, std::move(inputs));
  return {outputs[1], outputs[0]};
}

}  // namespace

AddNorm add_rms_norm(const mx::array& h, const std::optional<mx::array>& delta,
                     const mx::array& weight, float eps) {
  auto node = std::make_shared<AddRmsNorm>(shape_of(h, weight, eps));
  return apply_norm(std::move(node), {h, weight}, delta);
}

AddNorm add_layer_norm(const mx::array& h, const std::optional<mx::array>& delta,
                       const mx::array& weight, const std::optional<mx::array>& bias, float eps) {
  if (bias && bias->dtype() != weight.dtype()) {
    fail("internal: the bias of a norm is of another type than its weight");
  }
  auto node = std::make_shared<AddLayerNorm>(shape_of(h, weight, eps), bias.has_value());
  std::vector<mx::array> inputs = {h, weight};
  if (bias) inputs.push_back(*bias);
  return apply_norm(std::move(node), std::move(inputs), delta);
}

}  // namespace graft::ops::cpu
