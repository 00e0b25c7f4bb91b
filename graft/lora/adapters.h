#pragma once

#include <mlx/array.h>

#include <string>
#include <vector>

#include "graft/models/model.h"

namespace graft::lora {

namespace mx = mlx::core;

/// What is adapted, and how. Travels with the adapter's file.
struct LoraSettings {
  int rank = 8;
  float scale = 20.0f;            // a direct multiplier, as in MLX
  float dropout = 0.0f;           // while training
  int num_layers = 16;            // the last ones; -1: all
  std::vector<std::string> keys;  // suffixes of paths, whole parts: "q_proj", "self_attn.q_proj";
                                  // "all": every linear layer
};

/// The trainable parameters of an adapted model: an explicit map from checkpoint name to array,
/// sorted by name. The order fixes that of gradients, optimizer state and bytes in files.
class Adapters {
 public:
  Adapters(models::Model& model, LoraSettings settings);

  const LoraSettings& settings() const { return settings_; }
  /// "model.layers.0.self_attn.q_proj.lora_a", ...
  const std::vector<std::string>& names() const { return names_; }
  std::vector<mx::array> values() const;
  /// Puts other values in place, in the order of names().
  void set(const std::vector<mx::array>& values);
  /// The places of one layer's arrays in the model, in the order of names().
  std::vector<mx::array*> of_layer(int layer) const;

  /// The adapted layers, and the lowest layer that holds one.
  const std::vector<nn::Linear*>& linears() const { return linears_; }
  int first_layer() const { return first_layer_; }
  size_t parameters() const;

 private:
  LoraSettings settings_;
  std::vector<nn::Linear*> linears_;
  std::vector<std::string> names_;
  std::vector<mx::array*> arrays_;
  int first_layer_ = 0;
};

/// Puts fresh adapters on the model: a uniform in ±1/sqrt(in), b zero (MLX's random state). Throws
/// UsageError if the model has fewer layers than asked for, or if a key matches nothing, naming
/// what there is.
Adapters attach(models::Model& model, const LoraSettings& settings);

/// "model.layers.7.mlp.up_proj" is in layer 7; -1 outside of the layers.
int layer_of(const std::string& path);

}  // namespace graft::lora
