#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "graft/engine/runtime.h"
#include "graft/io/model_folder.h"
#include "graft/lora/adapter_file.h"
#include "graft/models/model.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::engine {

/// A model folder in use: its files, the model over them, its tokenizer. Once it is loaded and has
/// its adapter, generations of several threads can use it side by side.
struct LoadedModel {
  io::ModelFolder folder;
  std::unique_ptr<models::Model> model;
  tokenizer::Tokenizer tokenizer;

  /// "4-bit, groups of 32" or "bfloat16".
  std::string precision() const;
  /// Any of these ends a text: the config's, the generation config's and the tokenizer's.
  std::set<int32_t> eos_ids() const;
};

/// The model that a folder holds. Throws Error.
LoadedModel load_folder(const fs::path& folder);

/// Of a folder, or of a name on the Hub (`named_model`).
LoadedModel load(const Runtime& runtime, const std::string& name);

/// Puts an adapter that was read on the model, and warns if it was trained on another one.
lora::Adapters put_adapter(LoadedModel& loaded, const lora::AdapterFile& file,
                           FrontEnd& front_end = *silent_front_end());

}  // namespace graft::engine
