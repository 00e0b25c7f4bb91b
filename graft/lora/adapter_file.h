#pragma once

#include <mlx/array.h>

#include <map>
#include <optional>
#include <string>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/base/json_types.h"
#include "graft/io/provenance.h"
#include "graft/lora/adapter_tensor.h"
#include "graft/lora/adapters.h"

namespace graft::lora {

/// Where an adapter comes from.
struct AdapterOrigin {
  std::string base_fingerprint = {};  // of the model it was trained on; empty: not known
  io::Provenance provenance = {};     // that model on the Hub, and the trainings
  // The options of its training, by name; without the names that it has for files of its machine.
  ordered_json config = ordered_json::object();
};

/// An adapter as its file holds it: tensors `<path>.lora_a` [in, R] and `<path>.lora_b` [R, out],
/// and the metadata that graft writes with them, so that no reader has to guess a scale.
struct AdapterFile : AdapterOrigin {
  fs::path path;
  std::map<std::string, AdapterTensor> tensors;
  std::optional<LoraSettings> settings;  // none: written by another program
};

/// Reads `.npz` (settings in the zip's comment) or `.safetensors` (in its metadata). Throws Error
/// for a file that is missing, damaged, or no adapter.
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

/// Writes an adapter, whole or not at all, in the format of the path's extension. The same adapters
/// give the same bytes. Beside `adapters.safetensors` mlx-lm's adapter_config.json is written.
void save_adapter_file(const fs::path& path, const Adapters& adapters,
                       const AdapterOrigin& origin = {});

/// Throws UsageError for an extension that is neither .npz nor .safetensors, and for an
/// adapters.safetensors whose adapter_config.json is another program's.
void check_adapter_path(const fs::path& path);

}  // namespace graft::lora
