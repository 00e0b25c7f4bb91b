#include "graft/ops/cpu/head_loss.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/kernels/head_loss.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/cpu/weight.h"

namespace graft::ops::cpu {
namespace {

// Inputs: h, targets[, bias], the weight's arrays. Outputs: mean, losses[, the gradient of mean by
// h].
class HeadLossNode final : public CpuPrimitive {
 public:
  HeadLossNode(const Head& head, const mx::array& h, bool with_gradient)
      : weight_(describe(head.weight)),
        has_bias_(head.bias.has_value()),
        soft_cap_(head.soft_cap),
        rows_(h.shape(0)),
        type_(scalar_type(h.dtype())),
        with_gradient_(with_gradient) {}
  const char* name() const override { return "HeadLoss"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    const kernels::Head head{bind(weight_, in, has_bias_ ? 3 : 2),
                             has_bias_ ? static_cast<const float*>(in[2].data) : nullptr,
                             soft_cap_};
    *static_cast<float*>(out[0].data) = kernels::head_loss(
        head, {const_cast<void*>(in[0].data), rows_, type_},
        static_cast<const int32_t*>(in[1].data), static_cast<float*>(out[1].data),
        with_gradient_ ? out[2].data : nullptr);
  }

  double operations(const std::vector<Input>& in) const override {
    const auto* targets = static_cast<const int32_t*>(in[1].data);
    const auto count = std::count_if(targets, targets + rows_, [](int32_t t) { return t >= 0; });
    const double product = 2.0 * static_cast<double>(count * weight_.in * weight_.out);
    return with_gradient_ ? 2 * product : product;
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    if (argnums.size() != 1 || argnums[0] != 0)
      fail("internal: the weights of the head are frozen");
    if (outputs.size() < 3) fail("internal: a loss without gradient is differentiated");
    mx::array factor = mx::astype(cotangents[0], primals[0].dtype());
    return {mx::multiply(outputs[2], factor)};
  }

 private:
  kernels::LinearWeight weight_;
  bool has_bias_;
  float soft_cap_;
  int64_t rows_;
  kernels::ScalarType type_;
  bool with_gradient_;
};

}  // namespace

HeadLoss head_loss(const mx::array& h, const Head& head, const mx::array& targets,
                   bool with_gradient) {
  auto node = std::make_shared<HeadLossNode>(head, h, with_gradient);
  std::vector<mx::array> inputs = {h, targets};
  if (head.bias) inputs.push_back(*head.bias);
  for (const mx::array& part : head.weight.arrays()) inputs.push_back(part);
  std::vector<mx::Shape> shapes = {{}, {h.shape(0)}};
  std::vector<mx::Dtype> dtypes = {mx::float32, mx::float32};
  if (with_gradient) {
    shapes.push_back(h.shape());
    dtypes.push_back(h.dtype());
  }
  auto outputs = apply(node, shapes, dtypes, std::move(inputs));
  return {outputs[0], outputs[1]};
}

}  // namespace graft::ops::cpu
