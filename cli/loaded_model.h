#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "graft/io/model_folder.h"
#include "graft/lora/adapter_file.h"
#include "graft/models/model.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::cli {

/// A model folder in use: its files, the model over them, its tokenizer.
struct LoadedModel {
  ModelFolder folder;
  std::unique_ptr<models::Model> model;
  Tokenizer tokenizer;

  /// "4-bit, groups of 32" or "bfloat16".
  std::string precision() const;
  /// Any of these ends a text: the config's, the generation config's and the tokenizer's.
  std::set<int32_t> eos_ids() const;
};

/// Of a folder, or of a name on the Hub (`named_model`).
LoadedModel load(const std::string& name);

/// Puts an adapter on the model for `--test`, `--prompt` and the like. `file`: the path that the
/// user gave; without one, `adapters.npz` is taken, and named, if it is there; "none": the base
/// model.
std::optional<lora::Adapters> use_adapter(LoadedModel& loaded,
                                          const std::optional<std::string>& file);

/// Puts an adapter that was read on the model, and says aloud if it was trained on another one.
lora::Adapters put_adapter(LoadedModel& loaded, const lora::AdapterFile& file);

}  // namespace graft::cli
