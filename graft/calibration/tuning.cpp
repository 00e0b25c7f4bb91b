#include "graft/calibration/tuning.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <utility>

#include "graft/calibration/experts.h"
#include "graft/models/parameters.h"
#include "graft/training/evaluation.h"
#include "graft/training/lazy_step.h"

namespace graft::calibration {
namespace {

// While it lives, scales and biases of layers are f32 parameters; those of experts in a stack.
class TunedScales {
 public:
  TunedScales(const std::vector<models::LinearPart>& linears, int layers) : layers_(layers) {
    for (const models::LinearPart& part : linears) {
      if (!is_tuned(part)) continue;
      dtypes_.push_back(part.weight().scales->dtype());
      if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&part.linear)) {
        const auto own = std::make_shared<ops::ExpertWeights>();
        own->each = (*experts)->weights->each;
        own->stack = ops::stacked(own->each);
        own->trained = true;
        (*experts)->weights = own;
        add(part, *own->stack);
      } else {
        add(part, std::get<nn::Linear*>(part.linear)->weight);
      }
      parts_.push_back(part);
    }
    parameters_ = models::ParameterSet(std::move(added_));
    mx::eval(parameters_.values());
  }
  ~TunedScales() {
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&parts_[i].linear)) {
        const ops::Weight stack = in_type(*(*experts)->weights->stack, dtypes_[i]);
        std::vector<ops::Weight> each = (*experts)->weights->each;
        for (size_t e = 0; e < each.size(); ++e) {
          const auto index = static_cast<int>(e);
          each[e].scales = mx::contiguous(ops::matrix_of(*stack.scales, index));
          each[e].biases = mx::contiguous(ops::matrix_of(*stack.biases, index));
          mx::eval(each[e].arrays());
        }
        (*experts)->weights = expert_weights(std::move(each));
      } else {
        ops::Weight& weight = std::get<nn::Linear*>(parts_[i].linear)->weight;
        weight = in_type(weight, dtypes_[i]);
      }
    }
  }
  TunedScales(const TunedScales&) = delete;
  TunedScales& operator=(const TunedScales&) = delete;

  const models::ParameterSet& parameters() const { return parameters_; }
  bool tunes_head() const { return tunes_head_; }

 private:
  static ops::Weight in_type(ops::Weight weight, mx::Dtype dtype) {
    weight.scales = mx::astype(*weight.scales, dtype);
    weight.biases = mx::astype(*weight.biases, dtype);
    mx::eval(*weight.scales, *weight.biases);
    return weight;
  }

  void add(const models::LinearPart& part, ops::Weight& weight) {
    weight = in_type(weight, mx::float32);
    const bool is_head = part.layer < 0;
    const int layer = is_head ? layers_ : part.layer;
    added_.push_back({part.path() + ".scales", layer, &*weight.scales});
    added_.push_back({part.path() + ".biases", layer, &*weight.biases});
    tunes_head_ = tunes_head_ || is_head;
  }

  int layers_;
  std::vector<models::LinearPart> parts_;
  std::vector<mx::Dtype> dtypes_;  // that their scales had
  std::vector<models::Parameter> added_;
  models::ParameterSet parameters_;
  bool tunes_head_ = false;
};

float rate_at(const TuningOptions& options, int step) {
  const double share = static_cast<double>(step) / options.steps;
  return static_cast<float>(options.rate * 0.5 * (1 + std::cos(std::numbers::pi * share)));
}

}  // namespace

bool is_tuned(const models::LinearPart& part) {
  return !part.is_embedding() && part.weight().quantized() && has_biases(part.weight().mode);
}

int tune_scales(const models::Model& model, const std::vector<models::LinearPart>& linears,
                const std::vector<data::Batch>& batches, const Predicted& wanted,
                const TuningOptions& options) {
  const TunedScales tuned(linears, model.num_layers());
  if (tuned.parameters().all().empty()) return 0;
  const Divergence divergence(batches, wanted, tuned.tunes_head());
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
