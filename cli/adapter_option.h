#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "graft/engine/loaded_model.h"
#include "graft/lora/merge.h"

namespace graft::cli {

/// The adapters that a user names, each "PATH" or "PATH:WEIGHT", or as "owner/name" one of the Hub;
/// several may stand in one text, with commas. Throws Error as lora::read_adapter_file and
/// engine::named_adapter_path do, UsageError for a weight that is none.
std::vector<lora::WeightedAdapter> named_adapters(const engine::Runtime& runtime,
                                                  const std::vector<std::string>& names);

/// --adapter-file, of which several may be given and are added up.
void add_adapter_option(CLI::App& command, std::vector<std::string>& names,
                        const std::string& what_for);

/// The one adapter that they are together.
lora::AdapterFile named_adapter(const engine::Runtime& runtime,
                                const std::vector<std::string>& names);

/// Attaches an adapter to the model for `--test`, `--prompt` and the like. `names`: what the user
/// gave, or "none" for the base model; without one, `adapters.npz` is used if it exists, and a note
/// names it.
void use_adapter(const engine::Runtime& runtime, engine::LoadedModel& loaded,
                 const std::vector<std::string>& names);

}  // namespace graft::cli
