#pragma once

#include <string>
#include <vector>

#include "graft/engine/loaded_model.h"
#include "graft/engine/named_data.h"

// What a person names, by the engine's functions; Ctrl-C while it is fetched says how to go on.
namespace graft::cli {

fs::path model_path(const engine::Runtime& runtime, const std::string& name);
engine::NamedData data_folder(const engine::Runtime& runtime, const std::string& name,
                              const std::vector<std::string>& splits,
                              engine::Splits which = engine::Splits::all);
engine::LoadedModel load_named(const engine::Runtime& runtime, const std::string& name);

}  // namespace graft::cli
