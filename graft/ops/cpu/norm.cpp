#include "graft/ops/cpu/norm.h"

#include "graft/base/error.h"
#include "graft/kernels/rms_norm.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

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

}  // namespace

AddNorm add_rms_norm(const mx::array& h, const std::optional<mx::array>& delta,
                     const mx::array& weight, float eps) {
  auto node = std::make_shared<AddRmsNorm>(RmsNormShape{
      h.shape(0), h.shape(1), eps, scalar_type(h.dtype()), scalar_type(weight.dtype())});
  std::vector<mx::array> inputs = {h, weight};
  if (!delta) {
    return {h, apply(node, {h.shape()}, {h.dtype()}, std::move(inputs))[0]};
  }
  inputs.push_back(*delta);
  auto outputs = apply(node, {h.shape(), h.shape()}, {h.dtype(), h.dtype()}, std::move(inputs));
  return {outputs[1], outputs[0]};
}

}  // namespace graft::ops::cpu
