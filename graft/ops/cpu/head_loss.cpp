#include "graft/ops/cpu/head_loss.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/kernels/head_loss.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/cpu/weight.h"

namespace graft::ops::cpu {
namespace {

struct Settings {
  kernels::LinearWeight weight;  // its pointers are filled in when the node runs
  bool has_bias;
  float soft_cap;
  int64_t rows;
  kernels::ScalarType type;
  double divisor;
  LossGradient gradient;

  bool with_gradient() const { return gradient == LossGradient::of_sum; }
};

// Inputs: h, the targets' ids and weights[, bias], the weight's arrays. Outputs: sum, losses[,
// the gradient of the sum with respect to h].
class HeadLossNode final : public CpuPrimitive {
 public:
  explicit HeadLossNode(const Settings& settings) : settings_(settings) {}
  const char* name() const override { return "HeadLoss"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    const kernels::Head head{bind(settings_.weight, in, settings_.has_bias ? 4 : 3),
                             settings_.has_bias ? static_cast<const float*>(in[3].data) : nullptr,
                             settings_.soft_cap};
    const kernels::Targets targets{static_cast<const int32_t*>(in[1].data),
                                   static_cast<const float*>(in[2].data), settings_.divisor};
    *static_cast<float*>(out[0].data) = kernels::head_loss(
        head, {const_cast<void*>(in[0].data), settings_.rows, settings_.type}, targets,
        static_cast<float*>(out[1].data), settings_.with_gradient() ? out[2].data : nullptr);
  }

  double operations(const std::vector<Input>& in) const override {
    const double product =
        2.0 * static_cast<double>(count(in) * settings_.weight.in * settings_.weight.out);
    return settings_.with_gradient() ? 2 * product : product;
  }

  Scratch scratch(const std::vector<Input>& in) const override {
    return {.own = kernels::head_loss_scratch(settings_.weight, settings_.rows, count(in),
                                              settings_.type, settings_.with_gradient())};
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    if (argnums.size() != 1 || argnums[0] != 0)
      fail("internal: the weights of the head are frozen");
    switch (settings_.gradient) {
      case LossGradient::none:
        fail("internal: a loss without gradient is differentiated");
      case LossGradient::of_sum:
        return {mx::multiply(outputs[2], mx::astype(cotangents[0], primals[0].dtype()))};
      case LossGradient::of_losses:
        break;
    }
    // For gradients g of the losses and s of the sum, that of h is the gradient of
    // sum_i (g_i + s weight_i / divisor) loss_i: this operation's own, with other weights.
    const mx::array& weights = primals[2];
    const mx::array of_sum = mx::multiply(
        weights, mx::divide(cotangents[0], mx::array(static_cast<float>(settings_.divisor))));
    std::vector<mx::array> inputs = primals;
    inputs[2] = mx::where(mx::equal(weights, mx::array(0.0f)), mx::zeros_like(weights),
                          mx::add(cotangents[1], of_sum));
    Settings settings = settings_;
    settings.divisor = 1;
    settings.gradient = LossGradient::of_sum;
    return {apply_to(std::move(inputs), settings)[2]};
  }

  static std::vector<mx::array> apply_to(std::vector<mx::array> inputs, const Settings& settings) {
    const mx::array& h = inputs[0];
    std::vector<mx::Shape> shapes = {{}, {h.shape(0)}};
    std::vector<mx::Dtype> dtypes = {mx::float32, mx::float32};
    if (settings.with_gradient()) {
      shapes.push_back(h.shape());
      dtypes.push_back(h.dtype());
    }
    return apply(std::make_shared<HeadLossNode>(settings), std::move(shapes), dtypes,
                 std::move(inputs));
  }

 private:
  // The tokens that carry loss; all where that is not known yet.
  int64_t count(const std::vector<Input>& in) const {
    const auto* weights = static_cast<const float*>(in[2].data);
    if (weights == nullptr) return settings_.rows;
    return std::count_if(weights, weights + settings_.rows, [](float w) { return w != 0; });
  }

  Settings settings_;
};

}  // namespace

HeadLoss head_loss(const mx::array& h, const Head& head, const Targets& targets, double divisor,
                   LossGradient gradient) {
  std::vector<mx::array> inputs = {h, targets.ids, targets.weights};
  if (head.bias) inputs.push_back(*head.bias);
  for (const mx::array& part : head.weight.arrays()) inputs.push_back(part);
  const Settings settings{describe(head.weight),
                          head.bias.has_value(),
                          head.soft_cap,
                          h.shape(0),
                          scalar_type(h.dtype()),
                          divisor,
                          gradient};
  const auto outputs = HeadLossNode::apply_to(std::move(inputs), settings);
  return {outputs[0], outputs[1]};
}

}  // namespace graft::ops::cpu
