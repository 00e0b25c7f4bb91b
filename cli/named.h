#pragma once

#include <string>
#include <vector>

#include "graft/engine/loaded_model.h"
#include "graft/engine/named_data.h"

// The engine's look-ups by name; Ctrl-C during a download prints how to go on.
namespace graft::cli {

fs::path model_path(const engine::Runtime& runtime, const std::string& name);
fs::path adapter_path(const engine::Runtime& runtime, const std::string& name);
engine::NamedData named_data(const engine::Runtime& runtime, const engine::DataOptions& options,
                             const std::vector<std::string>& splits,
                             engine::Splits which = engine::Splits::all);
/// To plan with: of a model on the Hub, config and tokenizer alone are fetched.
engine::LoadedModel load_named_to_plan(const engine::Runtime& runtime, const std::string& name);
engine::LoadedModel load_named(const engine::Runtime& runtime, const std::string& name);

}  // namespace graft::cli
