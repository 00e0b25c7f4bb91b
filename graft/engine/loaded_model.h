#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "graft/data/renderer.h"
#include "graft/engine/runtime.h"
#include "graft/io/model_folder.h"
#include "graft/lora/adapter_file.h"
#include "graft/models/model.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::engine {

/// A loaded model folder: its files, the model, its tokenizer. Once it is loaded and its adapter is
/// attached, several threads can generate with it at the same time.
struct LoadedModel {
  io::ModelFolder folder;
  std::unique_ptr<models::Model> model;
  tokenizer::Tokenizer tokenizer;

  /// "4 bits in groups of 32" or "bfloat16".
  std::string precision() const;
  /// Any of these ends a text: the config's, the generation config's and the tokenizer's.
  std::set<int32_t> eos_ids() const;
  /// How chats are written for it: its own template, else ChatML. Throws Error if the template
  /// cannot be read.
  data::ChatForm chat() const;
};

/// Loads the model in a folder. Throws Error.
LoadedModel load_folder(const fs::path& folder);

/// Loads the model in a folder, or one named on the Hub (see `named_model`).
LoadedModel load(const Runtime& runtime, const std::string& name);

/// A folder's files: its config alone, if its weights are not there.
io::ModelFolder open_to_plan(const fs::path& folder);

/// How many tokens the model in a folder has, by its config alone; nothing if there is none, or one
/// of a family that graft has not.
std::optional<int> vocabulary_of(const fs::path& folder);

/// The same to be written in another form: no number is converted on the way.
LoadedModel load_to_write(const fs::path& folder);

/// A model to plan with: without weights if the folder has none, beside its config and tokenizer.
LoadedModel load_to_plan(const fs::path& folder);

/// Attaches an adapter to the model; warns if it was trained on another one.
lora::Adapters put_adapter(LoadedModel& loaded, const lora::AdapterFile& file,
                           FrontEnd& front_end = *silent_front_end());

}  // namespace graft::engine
