#include "graft/training/in_place_step.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include "graft/base/mapped_file.h"
#include "graft/io/finite.h"
#include "graft/ops/norm_of.h"

namespace graft::training {
namespace {

class InPlace {
 public:
  InPlace(const Optimizer& optimizer, const models::ParameterSet& parameters, TrainState& state,
          Gradients& gradients, const StepOptions& options)
      : optimizer_(optimizer),
        parameters_(parameters),
        state_(state),
        gradients_(gradients),
        options_(options) {}

  // Computes these gradients and adds the squares of their norms.
  void compute(const std::vector<size_t>& indices) {
    gradients_.sum(indices, options_.ranks, options_.wire);
    std::vector<mx::array> all;
    for (const size_t i : indices) all.push_back(gradients_.arrays()[i]);
    for (const size_t i : indices) all.push_back(ops::norm_of(gradients_.arrays()[i]));
    mx::eval(all);
    for (size_t n = 0; n < indices.size(); ++n) {
      const double norm = all[indices.size() + n].item<float>();
      if (!std::isfinite(norm) && not_finite_.empty()) {
        not_finite_ = parameters_.all()[indices[n]].name;
      }
      squares_ += norm * norm;
    }
    // Processors of another kind may have rounded otherwise.
    if (options_.ranks.any(!not_finite_.empty()) && not_finite_.empty()) {
      not_finite_ = "a parameter, on another rank";
    }
  }

  double norm() const { return std::sqrt(squares_); }
  // The first parameter whose gradient is not finite, or empty.
  const std::string& not_finite() const { return not_finite_; }

  // Whether a parameter was changed, or is about to be.
  bool has_begun() const { return has_begun_; }

  void update(size_t i, float factor) {
    has_begun_ = true;
    mx::array parameter = std::exchange(state_.parameters[i], mx::array(0.0f));
    parameters_.put(i, state_.parameters[i]);  // which is nothing meanwhile
    Moments moments = std::move(state_.moments[i]);
    {
      mx::array gradient = gradients_.take(i);
      if (factor != 1) gradient = mx::multiply(gradient, mx::array(factor));
      optimizer_.step(parameters_.all()[i].name, parameter, moments, gradient, options_.rate,
                      state_.step + 1);
    }
    std::vector<mx::array> next = {parameter};
    for (const auto& [name, array] : moments) next.push_back(array);
    mx::eval(std::move(next));
    if (!io::all_finite(parameter)) {
      throw StateLost(parameters_.all()[i].name + " is not finite after its step");
    }
    parameters_.put(i, parameter);
    state_.parameters[i] = std::move(parameter);
    state_.moments[i] = std::move(moments);
  }

 private:
  const Optimizer& optimizer_;
  const models::ParameterSet& parameters_;
  TrainState& state_;
  Gradients& gradients_;
  const StepOptions& options_;
  double squares_ = 0;
  bool has_begun_ = false;
  std::string not_finite_;
};

}  // namespace

bool goes_in_place(const models::ParameterSet& parameters) {
  return std::any_of(parameters.all().begin(), parameters.all().end(), [](const auto& p) {
    return p.name.ends_with(".weight") || p.name.ends_with(".bias");
  });
}

std::vector<std::vector<size_t>> by_layer(const models::ParameterSet& parameters) {
  std::map<int, std::vector<size_t>, std::greater<>> layers;
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    layers[parameters.all()[i].layer].push_back(i);
  }
  std::vector<std::vector<size_t>> all;
  for (auto& [layer, indices] : layers) all.push_back(std::move(indices));
  return all;
}

namespace {

// Computes all gradients and uses them. Returns false, having changed nothing, if one is not
// finite.
bool update_all(InPlace& step, const std::vector<std::vector<size_t>>& layers, bool one_batch,
                float max_norm, InPlaceStep& result) {
  if (max_norm == 0 && one_batch) {
    for (const std::vector<size_t>& indices : layers) {
      step.compute(indices);
      if (!step.not_finite().empty()) {
        if (!step.has_begun()) return false;
        throw StateLost("the gradient of " + step.not_finite() +
                        " is not finite, after the layers above had been changed by theirs");
      }
      for (const size_t i : indices) step.update(i, 1);
    }
    result.gradient_norm = step.norm();
    return true;
  }
  for (const std::vector<size_t>& indices : layers) step.compute(indices);
  if (!step.not_finite().empty() || !std::isfinite(step.norm())) return false;
  result.gradient_norm = step.norm();
  const bool clips = max_norm > 0 && result.gradient_norm > max_norm;
  const double factor = clips ? max_norm / result.gradient_norm : 1;
  for (const std::vector<size_t>& indices : layers) {
    for (const size_t i : indices) step.update(i, static_cast<float>(factor));
  }
  return true;
}

}  // namespace

InPlaceStep step_in_place(const Objective& objective, const models::LayerRunner& runner,
                          const Optimizer& optimizer, const models::ParameterSet& parameters,
                          TrainState& state, const std::vector<data::Batch>& group,
                          const StepOptions& options) {
  Gradients gradients(parameters, options.weight > 0 ? options.weight : weight_of(group));
  for (const data::Batch& batch : group) gradients.add(objective, runner, batch, options.dropout);
  // All of the forward pass, which the graph of the gradients keeps.
  std::vector<mx::array> losses = gradients.token_losses();
  losses.push_back(gradients.loss());
  mx::eval(std::move(losses));
  gradients.sum_loss(options.ranks);
  InPlaceStep result;
  result.token_losses = gradients.token_losses();
  result.loss = mx::array(gradients.loss()).item<float>();
  result.gradient_norm = NAN;
  if (!std::isfinite(result.loss)) return result;

  check_mapped_files();  // before anything of it counts
  const bool one_batch = (options.batches > 0 ? options.batches : group.size()) == 1;
  InPlace step(optimizer, parameters, state, gradients, options);
  try {
    if (!update_all(step, by_layer(parameters), one_batch, options.max_norm, result)) {
      return result;
    }
    check_mapped_files();
  } catch (const StateLost&) {
    throw;
  } catch (const std::exception& error) {
    if (!step.has_begun()) throw;
    throw StateLost(error.what());
  }
  ++state.step;
  result.finite = true;
  return result;
}

}  // namespace graft::training
