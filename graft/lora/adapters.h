#pragma once

#include <mlx/array.h>

#include <string>
#include <vector>

#include "graft/models/model.h"
#include "graft/models/parameters.h"

namespace graft::lora {

namespace mx = mlx::core;

/// Which layers are adapted, and how. Stored in the adapter file.
struct LoraSettings {
  int rank = 8;
  float scale = 20.0f;   // a direct multiplier, as in MLX
  float dropout = 0.0f;  // while training
  int num_layers = 16;   // the last ones; -1: all
  // Suffixes of paths, whole parts: "q_proj", "self_attn.q_proj"; "all": every linear layer.
  std::vector<std::string> keys = {};
};

/// The adapters of a model.
class Adapters {
 public:
  Adapters(models::Model& model, LoraSettings settings);

  const LoraSettings& settings() const { return settings_; }
  /// Their arrays: "model.layers.0.self_attn.q_proj.lora_a", ...
  const models::ParameterSet& parameters() const { return parameters_; }
  /// The adapted layers.
  const std::vector<models::LinearPart>& linears() const { return linears_; }

 private:
  LoraSettings settings_;
  std::vector<models::LinearPart> linears_;
  models::ParameterSet parameters_;
};

/// The numbers of new adapters: as training starts with them, or none, for a model that is planned
/// with and not computed (io/unread_array.h).
enum class Fresh { random, unread };

/// Attaches new adapters to the model: a uniform in ±1/sqrt(in), b zero (MLX's random state).
/// Throws UsageError if the model has fewer layers than asked for, or if a key matches nothing,
/// listing the possible keys.
Adapters attach(models::Model& model, const LoraSettings& settings, Fresh fresh = Fresh::random);

/// Takes all adapters off the model. What has their arrays must not be used any more.
void detach(models::Model& model);

}  // namespace graft::lora
