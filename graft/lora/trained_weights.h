#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "graft/lora/adapters.h"
#include "graft/models/model.h"
#include "graft/models/parameters.h"

namespace graft::lora {

/// A tensor of a model that can be trained as it is. Its name is the checkpoint's, of experts
/// mlx-lm's for all of them: "model.layers.0.mlp.switch_mlp.up_proj.weight" [E, out, in].
struct TrainableTensor {
  enum class Kind { matrix, bias, norm };

  std::string name;
  int layer;  // as models::Parameter has it
  Kind kind;
  mx::Shape shape;
  std::string refused = {};  // why it cannot be trained; empty: it can
  /// Puts f32 values into the model in its place, which are the parameter from then on.
  std::function<models::Parameter(const mx::array& values)> put;
  /// Its values now, in f32 and in memory of their own.
  std::function<mx::array()> values;
};

/// What a head that is tied to the embedding counts as: the same tensor, or one of its own, which
/// `put` makes of it once the model's head is untied.
enum class TiedHead { same, own };

/// What to do where one is refused for being quantized; else empty.
std::string dequantize_hint(const TrainableTensor& tensor);

/// All of them.
std::vector<TrainableTensor> trainable_tensors(models::Model& model, TiedHead = TiedHead::same);

/// Whether one of LoraSettings' `extra` names any of these.
bool names_any(const std::string& key, const std::vector<TrainableTensor>& tensors);

/// Those that `settings` ask for: with `FineTuneType::full` all of the last num_layers layers, and
/// of `extra`: "norms" and "biases" of the adapted layers, "outside" (embedding, final norm, head),
/// or those whose module is named by the last parts of its path. Throws UsageError, which names
/// what cannot be trained, or what names nothing.
std::vector<TrainableTensor> chosen_tensors(models::Model& model, const LoraSettings& settings);

/// Makes parameters of tensors; `fresh` as in attach.
std::vector<models::Parameter> train(const std::vector<TrainableTensor>& tensors, Fresh fresh);

}  // namespace graft::lora
