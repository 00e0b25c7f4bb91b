#include "graft/ops/cpu/head_loss.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/kernels/head_loss.h"
#include "graft/ops/backend.h"
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
  bool trains_weight, trains_bias, trains_update;
  int64_t rank;  // of the update; 0: there is none
  float scale;
  bool int8;

  bool with_gradient() const { return gradient == LossGradient::of_sum; }
  int bias_at() const { return 3; }
  int xa_at() const { return has_bias ? 4 : 3; }
  int b_at() const { return xa_at() + 1; }
  int weight_at() const { return xa_at() + (rank > 0 ? 2 : 0); }
  // The inputs that the gradients among the outputs are of, from output 2 on.
  std::vector<int> differentiated() const {
    if (!with_gradient()) return {};
    std::vector<int> all = {0};
    if (trains_weight) all.push_back(weight_at());
    if (trains_bias) all.push_back(bias_at());
    if (trains_update) all.insert(all.end(), {xa_at(), b_at()});
    return all;
  }
};

mx::array scaled(const mx::array& gradient, const mx::array& factor) {
  // That of the sum itself, as it is.
  const bool is_one = factor.status() == mx::array::Status::available && factor.size() == 1 &&
                      factor.dtype() == mx::float32 && *factor.data<float>() == 1;
  return is_one ? gradient : mx::multiply(gradient, mx::astype(factor, gradient.dtype()));
}

// Inputs: h, the targets' ids and weights[, bias][, xa, b of the update], the weight's arrays.
// Outputs: sum, losses[, the gradients of the sum with respect to h, and to what is trained of
// weight, bias and update].
class HeadLossNode final : public CpuPrimitive {
 public:
  explicit HeadLossNode(const Settings& settings) : settings_(settings) {}
  const char* name() const override { return "HeadLoss"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    const auto floats = [&](int at) {
      return static_cast<const float*>(in[static_cast<size_t>(at)].data);
    };
    kernels::Head head{bind(settings_.weight, in, settings_.weight_at()),
                       settings_.has_bias ? floats(settings_.bias_at()) : nullptr,
                       settings_.soft_cap};
    head.int8 = settings_.int8;
    if (settings_.rank > 0) {
      head.update = {settings_.rank, settings_.scale, floats(settings_.xa_at()),
                     floats(settings_.b_at())};
    }
    const kernels::Targets targets{static_cast<const int32_t*>(in[1].data),
                                   static_cast<const float*>(in[2].data), settings_.divisor};
    kernels::HeadGradients gradients;
    if (settings_.with_gradient()) {
      gradients.h = out[2].data;
      size_t next = 3;
      const auto next_output = [&] { return static_cast<float*>(out[next++].data); };
      if (settings_.trains_weight) gradients.weight = next_output();
      if (settings_.trains_bias) gradients.bias = next_output();
      if (settings_.trains_update) {
        gradients.xa = next_output();
        gradients.b = next_output();
      }
    }
    *static_cast<float*>(out[0].data) =
        kernels::head_loss(head, {in[0].data, settings_.rows, settings_.type}, targets,
                           static_cast<float*>(out[1].data), gradients);
  }

  double operations(const std::vector<Input>& in) const override {
    const Work all = work(in);
    return all.products + all.adapters;
  }

  Work work(const std::vector<Input>& in) const override {
    const double of_width = 2.0 * static_cast<double>(count(in) * settings_.weight.out);
    const double product = of_width * static_cast<double>(settings_.weight.in);
    const double update = of_width * static_cast<double>(settings_.rank);
    if (!settings_.with_gradient()) return {.products = product, .adapters = update};
    return {.products = settings_.trains_weight ? 3 * product : 2 * product,
            .adapters = settings_.trains_update ? 3 * update : update};
  }

  Scratch scratch(const std::vector<Input>& in) const override {
    return {.own = kernels::head_loss_scratch(
                settings_.weight, settings_.rows, count(in), settings_.type,
                settings_.with_gradient(), settings_.differentiated().size() > 1, settings_.rank)};
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    switch (settings_.gradient) {
      case LossGradient::none:
        fail("internal: a loss without gradient is differentiated");
      case LossGradient::of_sum:
        return asked(argnums, primals, outputs, cotangents[0]);
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
    return asked(argnums, primals, apply_to(std::move(inputs), settings), mx::array(1.0f));
  }

  static std::vector<mx::array> apply_to(std::vector<mx::array> inputs, const Settings& settings) {
    const mx::array& h = inputs[0];
    std::vector<mx::Shape> shapes = {{}, {h.shape(0)}};
    std::vector<mx::Dtype> dtypes = {mx::float32, mx::float32};
    for (const int argument : settings.differentiated()) {
      shapes.push_back(inputs[static_cast<size_t>(argument)].shape());
      dtypes.push_back(argument == 0 ? h.dtype() : mx::float32);
    }
    return apply(std::make_shared<HeadLossNode>(settings), std::move(shapes), dtypes,
                 std::move(inputs));
  }

 private:
  // The gradients that are asked for among the outputs of a node with them, times a factor.
  std::vector<mx::array> asked(const std::vector<int>& argnums,
                               const std::vector<mx::array>& primals,
                               const std::vector<mx::array>& outputs,
                               const mx::array& factor) const {
    Settings settings = settings_;
    settings.gradient = LossGradient::of_sum;
    const std::vector<int> differentiated = settings.differentiated();
    std::vector<mx::array> result;
    for (const int argument : argnums) {
      const auto at = std::find(differentiated.begin(), differentiated.end(), argument);
      if (at == differentiated.end()) fail("internal: this weight of the head is frozen");
      const auto output = static_cast<size_t>(2 + (at - differentiated.begin()));
      result.push_back(mx::astype(scaled(outputs[output], factor),
                                  primals[static_cast<size_t>(argument)].dtype()));
    }
    return result;
  }

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
  bool trains_update = false;
  if (head.lora) {
    const ops::LoraUpdate& update = *head.lora;
    if (update.factors) fail("internal: the head has an update with factors");
    const mx::array x = mx::astype(update.x.value_or(h), mx::float32);
    const mx::array xa = mx::matmul(x, update.a);
    inputs.insert(inputs.end(), {xa, update.b});
    trains_update = xa.is_tracer() || update.b.is_tracer();
  }
  for (const mx::array& part : head.weight.arrays()) inputs.push_back(part);
  const Settings settings{describe(head.weight),
                          head.bias.has_value(),
                          head.soft_cap,
                          h.shape(0),
                          scalar_type(h.dtype()),
                          divisor,
                          gradient,
                          !head.weight.quantized() && head.weight.weight.is_tracer(),
                          head.bias && head.bias->is_tracer(),
                          trains_update,
                          head.lora ? head.lora->a.shape(1) : 0,
                          head.lora ? head.lora->scale : 0,
                          gradient == LossGradient::none && takes_int8()};
  const auto outputs = HeadLossNode::apply_to(std::move(inputs), settings);
  return {outputs[0], outputs[1]};
}

}  // namespace graft::ops::cpu
