#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "graft/engine/runtime.h"

namespace graft::cli {

/// Adds --threads, whose help says what this command uses threads for. The number is set once the
/// command line is read, before the command does anything.
void add_threads_option(CLI::App& command, engine::Runtime& runtime, const std::string& use);

}  // namespace graft::cli
