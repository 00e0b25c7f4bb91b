#include "graft/ops/cpu/norm.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/kernels/column_sums.h"
#include "graft/kernels/grown_buffer.h"
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

// Inputs: sum, d_normed. Outputs: the gradients of the weight and, with `has_bias`, of the bias,
// f32.
class NormWeightBackward final : public CpuPrimitive {
 public:
  NormWeightBackward(const NormShape& shape, bool centered, bool has_bias)
      : shape_(shape), centered_(centered), has_bias_(has_bias) {}
  const char* name() const override { return "NormWeightBackward"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    static thread_local kernels::GrownBuffer scratch;
    kernels::norm_weight_gradient(shape_, centered_, in[0].data, in[1].data,
                                  static_cast<float*>(out[0].data),
                                  has_bias_ ? static_cast<float*>(out[1].data) : nullptr,
                                  scratch.get_as<float>(2 * static_cast<size_t>(shape_.rows)));
  }

  Scratch scratch(const std::vector<Input>&) const override {
    return {.own = 2 * static_cast<size_t>(shape_.rows) * sizeof(float)};
  }

 private:
  NormShape shape_;
  bool centered_, has_bias_;
};

// Inputs: h, weight[, bias][, delta]. Outputs: normed[, sum].
class AddNormNode : public CpuPrimitive {
 public:
  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) final {
    const bool has_delta = primals.size() > delta_at_;
    const bool has_bias = delta_at_ > 2;
    const mx::array& sum = has_delta ? outputs[1] : primals[0];
    const auto wants = [&](int argument) {
      return std::find(argnums.begin(), argnums.end(), argument) != argnums.end();
    };
    std::vector<mx::array> of_rows, of_weights;
    if (wants(0) || (has_delta && wants(static_cast<int>(delta_at_)))) {
      std::vector<mx::array> inputs = {sum, primals[1], cotangents[0]};
      if (has_delta) inputs.push_back(cotangents[1]);
      of_rows = apply(backward(), {primals[0].shape()}, {primals[0].dtype()}, std::move(inputs));
    }
    if (wants(1) || (has_bias && wants(2))) {
      const size_t count = has_bias ? 2 : 1;
      of_weights = apply(std::make_shared<NormWeightBackward>(shape_, centered(), has_bias),
                         std::vector(count, primals[1].shape()), std::vector(count, mx::float32),
                         {sum, cotangents[0]});
    }
    std::vector<mx::array> asked;
    for (const int argument : argnums) {
      const bool is_row = argument == 0 || static_cast<size_t>(argument) == delta_at_;
      asked.push_back(is_row ? of_rows[0]
                             : mx::astype(of_weights[static_cast<size_t>(argument - 1)],
                                          primals[static_cast<size_t>(argument)].dtype()));
    }
    return asked;
  }

 protected:
  AddNormNode(const NormShape& shape, size_t delta_at) : shape_(shape), delta_at_(delta_at) {}
  virtual std::shared_ptr<CpuPrimitive> backward() const = 0;
  virtual bool centered() const = 0;
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
  bool centered() const override { return false; }
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
  bool centered() const override { return true; }

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
