#pragma once

#include <mlx/array.h>

#include <string>
#include <vector>

namespace graft::models {

namespace mx = mlx::core;

/// An array of a model that is trained.
struct Parameter {
  std::string name;  // in checkpoints and adapters: "model.layers.0.self_attn.q_proj.lora_a"
  int layer;         // of the model; -1: outside of the layers
  mx::array* place;  // in the model
};

/// What is trained of a model: an explicit map from name to array, sorted by name. Its order is
/// that of gradients, optimizer state and bytes in files.
class ParameterSet {
 public:
  explicit ParameterSet(std::vector<Parameter> parameters = {});

  const std::vector<Parameter>& all() const { return parameters_; }
  std::vector<mx::array> values() const;
  /// Puts other values in place, in the order of all().
  void set(const std::vector<mx::array>& values) const;
  /// The places of one layer's arrays, in the order of all().
  std::vector<mx::array*> of_layer(int layer) const;
  /// The lowest layer that has one, or `otherwise`.
  int first_layer(int otherwise) const;
  /// Numbers in all arrays.
  size_t count() const;

 private:
  std::vector<Parameter> parameters_;
};

}  // namespace graft::models
