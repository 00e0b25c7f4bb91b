#pragma once

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graft/models/registry.h"
#include "graft/training/optimizer.h"
#include "tests/support/named_values.h"
#include "tests/support/paths.h"

namespace graft::training {

using NamedArrays = std::map<std::string, mx::array>;

/// The sum of all parameters times numbers: these are its gradients.
class GivenGradients final : public Objective {
 public:
  GivenGradients(const NamedArrays& parameters, const NamedArrays& gradients)
      : parameters_(parameters), gradients_(gradients) {}

  Loss operator()(const models::LayerRunner&, const data::Batch&,
                  const ObjectiveOptions&) const override {
    mx::array loss(0.0f);
    for (const auto& [name, parameter] : parameters_) {
      loss = mx::add(loss, mx::sum(mx::multiply(parameter, gradients_.at(name))));
    }
    return {loss, loss};
  }

 private:
  const NamedArrays& parameters_;
  const NamedArrays& gradients_;
};

/// Parameters as scripts/fixtures/optimizers.py has them, and an optimizer that changes them.
class GivenDescent {
 public:
  GivenDescent(const std::map<std::string, mx::Shape>& shapes, std::unique_ptr<Optimizer> optimizer)
      : optimizer_(std::move(optimizer)) {
    for (const auto& [name, shape] : shapes) parameters_.insert({name, start(name, shape)});
    std::vector<models::Parameter> set;
    for (auto& [name, array] : parameters_) set.push_back({name, 0, &array});
    set_ = models::ParameterSet(set);
    state_ = optimizer_->start(set_);
  }

  /// A step with these gradients, clipped to a norm if it is not 0. Gives their norm before that.
  float step(const NamedArrays& given, float rate, float max_norm = 0) {
    Gradients gradients(set_, 1);
    gradients.add(GivenGradients(parameters_, given), models::LayerRunner(*model_), {}, {});
    const mx::array norm = gradients.norm();
    if (max_norm > 0) gradients.clip(max_norm);
    state_ = optimizer_->update(state_, gradients, rate);
    mx::eval(state_.arrays());
    set_.set(state_.parameters);
    return mx::array(norm).item<float>();
  }

  const mx::array& parameter(const std::string& name) const { return parameters_.at(name); }
  const Moments& moments(const std::string& name) const {
    const auto place = parameters_.find(name);
    return state_.moments[static_cast<size_t>(std::distance(parameters_.begin(), place))];
  }

 private:
  static mx::array start(const std::string& name, const mx::Shape& shape) {
    size_t count = 1;
    for (int size : shape) count *= static_cast<size_t>(size);
    const std::vector<float> numbers = testing::named_numbers(name, count);
    return mx::multiply(mx::array(0.5f), mx::array(numbers.begin(), shape, mx::float32));
  }

  std::unique_ptr<models::Model> model_ =
      models::load_model(io::ModelFolder::open(testing::fixture("llama/base")));
  NamedArrays parameters_;
  models::ParameterSet set_;
  std::unique_ptr<Optimizer> optimizer_;
  TrainState state_;
};

}  // namespace graft::training
