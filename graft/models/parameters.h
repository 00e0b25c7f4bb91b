#pragma once

#include <mlx/array.h>

#include <functional>
#include <string>
#include <vector>

namespace graft::models {

namespace mx = mlx::core;

/// A trained array of a model.
struct Parameter {
  std::string name;  // in checkpoints and adapters: "model.layers.0.self_attn.q_proj.lora_a"
  int layer;         // of the model; -1: below the layers, their number: above them
  mx::array* place;  // in the model
  mx::array* also = nullptr;  // another place of the same array: of a tied head
};

/// The trained arrays of a model: an explicit map from name to array, sorted by name. Gradients,
/// optimizer state and bytes in files have the same order.
class ParameterSet {
 public:
  /// `changed` is called after every `set`: what the model computes from its parameters follows.
  explicit ParameterSet(std::vector<Parameter> parameters = {}, std::function<void()> changed = {});

  const std::vector<Parameter>& all() const { return parameters_; }
  std::vector<mx::array> values() const;
  /// Replaces the values, in the order of all().
  void set(const std::vector<mx::array>& values) const;
  /// The same for a while, to differentiate by them; what follows from the values stays.
  void put(const std::vector<mx::array>& values) const;
  /// One of them.
  void put(size_t index, const mx::array& value) const;
  /// The places of one layer's arrays, in the order of all().
  std::vector<mx::array*> of_layer(int layer) const;
  /// The lowest layer with a parameter, or `otherwise`.
  int first_layer(int otherwise) const;
  /// Whether one is below a layer, so that its input has a gradient.
  bool any_below(int layer) const;
  /// The total number of elements.
  size_t count() const;

 private:
  std::vector<Parameter> parameters_;
  std::function<void()> changed_;
};

}  // namespace graft::models
