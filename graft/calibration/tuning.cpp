#include "graft/calibration/tuning.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>
#include <numbers>
#include <utility>

#include "graft/models/parameters.h"
#include "graft/training/evaluation.h"
#include "graft/training/lazy_step.h"

namespace graft::calibration {
namespace {

// While it lives, scales and biases of layers are f32 parameters.
class TunedScales {
 public:
  explicit TunedScales(const std::vector<models::LinearPart>& linears) {
    std::vector<models::Parameter> parameters;
    for (const models::LinearPart& part : linears) {
      if (!is_tuned(part)) continue;
      ops::Weight& weight = std::get<nn::Linear*>(part.linear)->weight;
      weights_.emplace_back(&weight, weight.scales->dtype());
      for (auto [array, name] :
           {std::pair{&*weight.scales, ".scales"}, {&*weight.biases, ".biases"}}) {
        *array = mx::astype(*array, mx::float32);
        parameters.push_back({part.path() + name, part.layer, array});
      }
    }
    parameters_ = models::ParameterSet(std::move(parameters));
    mx::eval(parameters_.values());
  }
  ~TunedScales() {
    for (auto& [weight, dtype] : weights_) {
      weight->scales = mx::astype(*weight->scales, dtype);
      weight->biases = mx::astype(*weight->biases, dtype);
      mx::eval(*weight->scales, *weight->biases);
    }
  }
  TunedScales(const TunedScales&) = delete;
  TunedScales& operator=(const TunedScales&) = delete;

  const models::ParameterSet& parameters() const { return parameters_; }

 private:
  std::vector<std::pair<ops::Weight*, mx::Dtype>> weights_;
  models::ParameterSet parameters_;
};

float rate_at(const TuningOptions& options, int step) {
  const double share = static_cast<double>(step) / options.steps;
  return static_cast<float>(options.rate * 0.5 * (1 + std::cos(std::numbers::pi * share)));
}

}  // namespace

bool is_tuned(const models::LinearPart& part) {
  auto* const* linear = std::get_if<nn::Linear*>(&part.linear);
  return part.layer >= 0 && linear != nullptr && (*linear)->weight.quantized() &&
         has_biases((*linear)->weight.mode);
}

int tune_scales(const models::Model& model, const std::vector<models::LinearPart>& linears,
                const std::vector<data::Batch>& batches, const Predicted& wanted,
                const TuningOptions& options) {
  const TunedScales tuned(linears);
  if (tuned.parameters().all().empty()) return 0;
  const Divergence divergence(batches, wanted);
  const models::LayerRunner runner(model);
  const auto adam = training::make_adam({.bias_correction = true});
  training::TrainState state = adam->start(tuned.parameters());
  int skipped = 0;
  size_t in_a_row = 0;  // skipped: the same batch would be again
  for (int step = 0; step < options.steps && in_a_row < batches.size(); ++step) {
    const data::Batch& batch = batches[static_cast<size_t>(step) % batches.size()];
    training::LazyStep next = training::lazy_step(divergence, runner, *adam, tuned.parameters(),
                                                  state, {batch}, {.rate = rate_at(options, step)});
    mx::eval(next.results());
    if (next.gradients_finite.item<bool>() && next.next_finite.item<bool>()) {
      state = std::move(next.next);
      tuned.parameters().set(state.parameters);
      in_a_row = 0;
    } else {
      ++skipped;
      ++in_a_row;
      if (skipped == step + 1 && (in_a_row == batches.size() || skipped == options.steps)) {
        throw training::NotFinite(
            "scales cannot be tuned: the gradients of all texts are not finite, or a step by them "
            "is not: weights of the model are too large to compute with");
      }
    }
    if (options.done) options.done(step + 1);
  }
  return skipped;
}

}  // namespace graft::calibration
