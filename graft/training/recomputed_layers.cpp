#include "graft/training/recomputed_layers.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "graft/ops/after.h"

namespace graft::training {
namespace {

using Arrays = std::vector<mx::array>;

// Replaces a model's parameters by other values for the lifetime of the object.
class Replaced {
 public:
  Replaced(const std::vector<mx::array*>& places, const mx::array* values) : places_(places) {
    for (mx::array* place : places_) {
      saved_.push_back(*place);
      *place = *values++;
    }
  }
  ~Replaced() {
    for (size_t i = 0; i < places_.size(); ++i) *places_[i] = saved_[i];
  }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;

 private:
  const std::vector<mx::array*>& places_;
  Arrays saved_;
};

Arrays arrays_of(const models::Hidden& hidden) {
  if (!hidden.delta) return {hidden.stream};
  return {hidden.stream, *hidden.delta};
}

models::Hidden hidden_of(const mx::array* arrays, bool has_delta) {
  if (!has_delta) return {arrays[0], {}};
  return {arrays[0], arrays[1]};
}

}  // namespace

models::Hidden RecomputedLayers::layer(int index, const models::Hidden& hidden,
                                       const models::Context& context) const {
  if (index < first_) return told(LayerRunner::layer(index, hidden, context), index, index + 2);
  // Nothing below the lowest layer with a parameter wants a gradient.
  const bool wants_hidden = parameters_.any_below(index);
  const std::vector<mx::array*> places = parameters_.of_layer(index);
  // Inputs: those of `hidden`, if its gradient is wanted, then the parameters.
  auto layer = [this, index, hidden, context, places, wants_hidden](const Arrays& inputs) {
    const mx::array* next = inputs.data();
    models::Hidden in = hidden;
    if (wants_hidden) {
      in = hidden_of(next, hidden.delta.has_value());
      next += arrays_of(hidden).size();
    }
    Replaced replaced(places, next);
    return arrays_of(model().layer(index, in, context));
  };
  auto forward = [this, index, layer](const Arrays& inputs) {
    const Arrays outputs = layer(inputs);
    return arrays_of(told(hidden_of(outputs.data(), outputs.size() > 1), index, index + 2));
  };
  auto gradient = [this, index, layer](const Arrays& inputs, const Arrays& cotangents,
                                       const Arrays&) {
    // Recomputes nothing before the layers above are done.
    Arrays gradients = mx::vjp(layer, mx::depends(inputs, cotangents), cotangents).second;
    if (!gradients.empty()) gradients[0] = told({gradients[0], {}}, index, below(index)).stream;
    return gradients;
  };
  Arrays inputs;
  if (wants_hidden) inputs = arrays_of(hidden);
  for (const mx::array* place : places) inputs.push_back(*place);
  const Arrays outputs = mx::custom_vjp(forward, gradient)(inputs);
  return hidden_of(outputs.data(), outputs.size() > 1);
}

// Two layers below, or of the next forward pass.
int RecomputedLayers::below(int index) const {
  if (index - 2 >= first_) return index - 2;
  return index == first_ ? first_ + 1 : first_;
}

models::Hidden RecomputedLayers::told(const models::Hidden& hidden, int layer, int next) const {
  if (weights_ == nullptr) return hidden;
  const auto tell = [weights = weights_, layer, next] { weights->used(layer, next); };
  if (!hidden.delta) return {ops::after(hidden.stream, tell), {}};
  return {hidden.stream, ops::after(*hidden.delta, tell)};
}

std::unique_ptr<models::LayerRunner> make_runner(const models::Model& model,
                                                 const models::ParameterSet& parameters,
                                                 const TrainOptions& options) {
  if (options.grad_checkpoint || options.weights != nullptr) {
    return std::make_unique<RecomputedLayers>(model, parameters, options.trunk, options.weights);
  }
  const int frozen = parameters.first_layer(model.num_layers());
  return std::make_unique<models::LayerRunner>(model, options.trunk, frozen);
}

}  // namespace graft::training
