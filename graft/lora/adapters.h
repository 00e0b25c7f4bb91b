#pragma once

#include <mlx/array.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/lora/fine_tune_type.h"
#include "graft/lora/initial.h"
#include "graft/models/model.h"
#include "graft/models/parameters.h"

namespace graft::lora {

namespace mx = mlx::core;

class LayerConfig;

/// Which layers are adapted, and how. Stored in the adapter file.
struct LoraSettings {
  FineTuneType type = FineTuneType::lora;
  int rank = 8;
  float scale = 20.0f;   // a direct multiplier, as in MLX
  float dropout = 0.0f;  // while training
  int num_layers = 16;   // the last ones; -1: all
  // Suffixes of paths, whole parts: "q_proj", "self_attn.q_proj"; "all": every linear layer. Also
  // "embed_tokens" and "lm_head", which are outside of the layers and not among "all". Where the
  // head is the embedding again, an adapter of that changes both.
  std::vector<std::string> keys = {};
  // The scale was made as a number over sqrt(R), as PEFT has it with use_rslora (Kalajdzievski
  // 2023, arXiv:2312.03732).
  bool rank_stabilized = false;
  InitialWeights initial = {};  // of new adapters
  // The second half of each layer's rank is a frozen update: what the adapter began with is taken
  // off the weight. `rank` counts what is trained.
  bool half_is_frozen = false;
  // Of new adapters: in place of `keys`, and of rank and scale in each layer.
  std::shared_ptr<const LayerConfig> layers = {};
  // What else is trained as it is (trained_weights.h): "norms", "biases", "outside", or paths'
  // suffixes, such as "lm_head".
  std::vector<std::string> extra = {};
};

/// The numbers of new adapters: as training starts with them, or none, for a model that is planned
/// with and not computed (io/unread_array.h).
enum class Fresh { random, unread };

/// The adapters of a model.
class Adapters {
 public:
  /// Those that are attached to the model, and its weights that are trained, if any.
  Adapters(models::Model& model, LoraSettings settings,
           const std::vector<models::Parameter>& trained = {}, Fresh fresh = Fresh::random);

  const LoraSettings& settings() const { return settings_; }
  /// Their arrays: "model.layers.0.self_attn.q_proj.lora_a", ...; DoRA's magnitudes are ".m". When
  /// they are set, DoRA's norms follow, at once unless the adapters are unread.
  const models::ParameterSet& parameters() const { return parameters_; }
  /// The adapted layers, then embedding and head if they are.
  const std::vector<models::LinearPart>& linears() const { return linears_; }
  /// The weights that are trained as they are, by name, f32; some of parameters().
  const std::vector<models::Parameter>& trained() const { return trained_; }

 private:
  LoraSettings settings_;
  std::vector<models::LinearPart> linears_;
  std::vector<models::Parameter> trained_;
  models::ParameterSet parameters_;
};

/// Attaches new adapters to the model, as `initial` says (MLX's random state). Throws UsageError if
/// the model has fewer layers than asked for, if a key matches nothing, listing the possible keys,
/// for DoRA or a part of the weight on layers of experts, embedding or head, and for a part of the
/// weight with DoRA, dropout, a rank above the layer's smaller side or a scale that is not above 0.
Adapters attach(models::Model& model, const LoraSettings& settings, Fresh fresh = Fresh::random);

/// DoRA's part of a layer's adapter; m is the norms of the weight's rows unless it is given. Throws
/// UsageError for layers of experts, embedding and head.
nn::Magnitude magnitude_of(const models::LinearPart& linear, const std::optional<mx::array>& m = {},
                           Fresh fresh = Fresh::random);

/// Takes all adapters off the model. What has their arrays must not be used any more.
void detach(models::Model& model);

}  // namespace graft::lora
