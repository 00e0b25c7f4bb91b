#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graft/engine/loaded_model.h"

namespace graft::engine {

/// Layers of a fused model that stay as they were, with their adapters.
struct Remainder {
  std::vector<std::pair<std::string, nn::LoraAdapter>> adapters;  // by the layer's path
  lora::LoraSettings settings;
};

/// The file that they are in, beside a fused model.
fs::path remainder_file(const fs::path& fused);

/// Takes off those that are left on a model.
Remainder take_remainder(const lora::Adapters& adapters);

/// Puts them back on the model and writes them to `remainder.safetensors` in the folder of the
/// fused one, which is not in its place yet: FuseOptions::add.
void write_remainder(const Remainder& remainder, models::Model& model, const fs::path& fused,
                     const io::Provenance& provenance);

/// Adds a file to those that a model folder's record names, so that the next model there replaces
/// it.
void record_file(const fs::path& folder, const std::string& name, const io::Provenance& provenance);

}  // namespace graft::engine
