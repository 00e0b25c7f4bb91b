#pragma once

#include <mlx/array.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/base/json_types.h"
#include "graft/io/model_folder.h"
#include "graft/io/provenance.h"
#include "graft/lora/adapter_tensor.h"
#include "graft/lora/adapters.h"

namespace graft::lora {

class PeftConfig;

/// What of a model decides how an adapter of it is laid out for other programs.
struct BaseShape {
  std::string model_type = {};         // as in config.json; empty: not known
  int head_dim = 0;                    // of attention; 0: not known
  std::optional<bool> tied_head = {};  // whether the head is the embedding, if it is known

  /// Whether the head is the embedding is what the folder's tensors say; of a config alone, what
  /// that says.
  static BaseShape of(const io::ModelFolder& folder);
};

/// Where an adapter comes from.
struct AdapterOrigin {
  std::string base_fingerprint = {};  // of the model it was trained on; empty: not known
  io::Provenance provenance = {};     // that model on the Hub, and the trainings
  // The options of its training, by name; without the names that it has for files of its machine.
  ordered_json config = ordered_json::object();
  BaseShape base = {};  // what llama.cpp's layout depends on
};

/// What an adapter of the embedding changes where the head is the same matrix. as_model: both then,
/// as in graft and mlx-lm; alone: the embedding; tied: both, and the model is such a one.
enum class EmbeddingUpdate { as_model, alone, tied };

/// An adapter as its file holds it: tensors `<path>.lora_a` [in, R] and `<path>.lora_b` [R, out]
/// (of experts [E, R, in] and [E, out, R], of the embedding [V, R] and [R, D]) and with DoRA
/// `<path>.m` [out], whatever names and shapes the file has them in, and how strongly they count,
/// so that no reader has to guess a scale. Beside them, or in their place, there may be weights
/// that were trained as they are (trained_weights.h).
struct AdapterFile : AdapterOrigin {
  fs::path path = {};
  std::map<std::string, AdapterTensor> tensors = {};
  std::map<std::string, AdapterTensor> weights = {};  // trained as they are, by name
  std::optional<LoraSettings> settings = {};          // none: the file does not say
  std::map<std::string, float> scales = {};  // of layers with another scale than `settings` has
  EmbeddingUpdate embedding = EmbeddingUpdate::as_model;
  // Copies of weights and bias of the base model's embedding and head, which PEFT writes beside an
  // adapter, by name.
  std::map<std::string, AdapterTensor> base_weights = {};
  // Layers whose lora_b has its columns in the order of GGUF's rows, see io::RowOrder.
  std::set<std::string> in_gguf_order = {};
  // Whether an embedding in `weights` is the head, too, where the model has one matrix for both; if
  // not, its head is untied. None: nobody says, and it is.
  std::optional<bool> ties_head = {};
  // Of PEFT's layout: what it says of `weights` is checked when the model is known.
  std::shared_ptr<const PeftConfig> peft = {};

  /// The scale of a layer. Only with `settings`.
  float scale_of(const std::string& layer) const;
};

/// Reads an adapter in any of the layouts that `adapter_path.h` tells apart. Throws Error for a
/// file that is missing, damaged, or no adapter, and for what graft does not support, by name.
AdapterFile read_adapter_file(const fs::path& path);

/// Attaches the file's adapters to the model. Settings come from the file; without them the rank is
/// that of the shapes and the scale is 20, with a note to say so. Throws as check_fits does, and
/// Error, which names the tensor, if a number is NaN or infinite.
Adapters apply(models::Model& model, const AdapterFile& file,
               FrontEnd& front_end = *silent_front_end());

/// Warns if the file names a base model other than the one with this fingerprint.
void warn_if_other_base(const AdapterFile& file, const std::string& fingerprint,
                        FrontEnd& front_end);

/// The rank of a file's adapters, by their shapes; 0 if it holds none.
int rank_of(const AdapterFile& file);

/// Throws Error for an adapter that does not fit the model, naming the tensor and both shapes.
void check_fits(models::Model& model, const AdapterFile& file);

/// Writes an adapter, whole or not at all, to `file.path` in the layout of its name. The same
/// adapters give the same bytes. Throws Error for what the layout cannot hold.
void write_adapter_file(const AdapterFile& file);

/// Moves what is no part of an adapter from `tensors` to `weights`, if the settings say that there
/// is such a thing.
void split_weights(AdapterFile& file);

/// All tensors, as graft's own layouts have them.
std::map<std::string, AdapterTensor> all_tensors(const AdapterFile& file);

/// The same for the adapters of a model.
void save_adapter_file(const fs::path& path, const Adapters& adapters,
                       const AdapterOrigin& origin = {});

/// Throws UsageError for a path whose name is of no layout, and for one with another program's
/// settings beside it, which would be replaced.
void check_adapter_path(const fs::path& path);

/// Throws UsageError if the layout of a path's name cannot hold what the training of these adapters
/// gives; Error if it has no room for it, and as check_embedding_in does.
void check_layout(const fs::path& path, const Adapters& adapters, const AdapterOrigin& origin = {});

}  // namespace graft::lora
