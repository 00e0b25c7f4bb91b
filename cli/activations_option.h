#pragma once

#include <CLI/CLI.hpp>

#include "graft/engine/runtime.h"

namespace graft::cli {

/// Adds --activations; what it says is set once the command line is read. Where the processor has
/// no products of 8-bit integers it has no effect, and a note says so.
void add_activations_option(CLI::App& command, engine::Runtime& runtime);

}  // namespace graft::cli
