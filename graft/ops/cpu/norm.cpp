#include "graft/ops/cpu/norm.h"

#include "graft/base/error.h"
#include "graft/kernels/layer_norm.h"
#include "graft/kernels/rms_norm.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

using kernels::LayerNormShape;
using kernels::RmsNormShape;

// Inputs: sum, weight, d_normed and, where the sum was used, d_sum. Output: d_h, which is d_delta
// too.
class AddRmsNormBackward final : public CpuPrimitive {
 public:
  explicit AddRmsNormBackward(const RmsNormShape& shape) : shape_(shape) {}
  const char* name() const override { return "AddRmsNormBackward"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    add_rms_norm_backward(shape_, in[0].data, in[1].data, in[2].data,
                          in.size() > 3 ? in[3].data : nullptr, out[0].data);
  }

 private:
  RmsNormShape shape_;
};

// Inputs: h, weight[, delta]. Outputs: normed[, sum].
class AddRmsNorm final : public CpuPrimitive {
 public:
  explicit AddRmsNorm(const RmsNormShape& shape) : shape_(shape) {}
  const char* name() const override { return "AddRmsNorm"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    bool has_delta = in.size() > 2;
    add_rms_norm(shape_, in[0].data, has_delta ? in[2].data : nullptr, in[1].data,
                 has_delta ? out[1].data : nullptr, out[0].data);
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    bool has_delta = primals.size() > 2;
    std::vector<mx::array> inputs = {has_delta ? outputs[1] : primals[0], primals[1],
                                     cotangents[0]};
    if (has_delta) inputs.push_back(cotangents[1]);
    mx::array gradient = apply(std::make_shared<AddRmsNormBackward>(shape_), {primals[0].shape()},
                               {primals[0].dtype()}, std::move(inputs))[0];
    for (int argument : argnums) {
      if (argument == 1) fail("internal: the weights of a norm are frozen");
    }
    return std::vector<mx::array>(argnums.size(), gradient);
  }

 private:
  RmsNormShape shape_;
};

// Inputs: sum, weight, d_normed and, where the sum was used, d_sum. Output: d_h, which is d_delta
// too.
class AddLayerNormBackward final : public CpuPrimitive {
 public:
  explicit AddLayerNormBackward(const LayerNormShape& shape) : shape_(shape) {}
  const char* name() const override { return "AddLayerNormBackward"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    add_layer_norm_backward(shape_, in[0].data, in[1].data, in[2].data,
                            in.size() > 3 ? in[3].data : nullptr, out[0].data);
  }

 private:
  LayerNormShape shape_;
};

// Inputs: h, weight[, bias][, delta]. Outputs: normed[, sum].
class AddLayerNorm final : public CpuPrimitive {
 public:
  AddLayerNorm(const LayerNormShape& shape, bool has_bias) : shape_(shape), has_bias_(has_bias) {}
  const char* name() const override { return "AddLayerNorm"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    const bool has_delta = in.size() > delta_at();
    add_layer_norm(shape_, in[0].data, has_delta ? in[delta_at()].data : nullptr, in[1].data,
                   has_bias_ ? in[2].data : nullptr, has_delta ? out[1].data : nullptr,
                   out[0].data);
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    const bool has_delta = primals.size() > delta_at();
    std::vector<mx::array> inputs = {has_delta ? outputs[1] : primals[0], primals[1],
                                     cotangents[0]};
    if (has_delta) inputs.push_back(cotangents[1]);
    mx::array gradient = apply(std::make_shared<AddLayerNormBackward>(shape_), {primals[0].shape()},
                               {primals[0].dtype()}, std::move(inputs))[0];
    for (int argument : argnums) {
      if (argument != 0 && static_cast<size_t>(argument) != delta_at()) {
        fail("internal: the weights of a norm are frozen");
      }
    }
    return std::vector<mx::array>(argnums.size(), gradient);
  }

 private:
  size_t delta_at() const { return has_bias_ ? 3 : 2; }

  LayerNormShape shape_;
  bool has_bias_;
};

// The sum and the norm that a norm's primitive gives for {h, weight, ...}; a delta is its last
// input.
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
  auto node = std::make_shared<AddRmsNorm>(RmsNormShape{
      h.shape(0), h.shape(1), eps, scalar_type(h.dtype()), scalar_type(weight.dtype())});
  return apply_norm(std::move(node), {h, weight}, delta);
}

AddNorm add_layer_norm(const mx::array& h, const std::optional<mx::array>& delta,
                       const mx::array& weight, const std::optional<mx::array>& bias, float eps) {
  if (bias && bias->dtype() != weight.dtype()) {
    fail("internal: the bias of a norm is of another type than its weight");
  }
  auto node = std::make_shared<AddLayerNorm>(
      LayerNormShape{h.shape(0), h.shape(1), eps, scalar_type(h.dtype()),
                     scalar_type(weight.dtype())},
      bias.has_value());
  std::vector<mx::array> inputs = {h, weight};
  if (bias) inputs.push_back(*bias);
  return apply_norm(std::move(node), std::move(inputs), delta);
}

}  // namespace graft::ops::cpu
