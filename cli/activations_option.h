#pragma once

#include <CLI/CLI.hpp>

#include "graft/engine/loaded_model.h"
#include "graft/engine/runtime.h"

namespace graft::cli {

/// Adds --activations; what it says is set once the command line is read.
void add_activations_option(CLI::App& command, engine::Runtime& runtime);

/// A note if they are asked for in 8 bits where that has no effect on the model.
void tell_of_activations(const engine::Runtime& runtime, const engine::LoadedModel& loaded);

}  // namespace graft::cli
