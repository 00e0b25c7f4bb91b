#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "graft/engine/runtime.h"

namespace graft::cli {

/// Adds --threads, the number of threads, whose help says what this command uses them for. It is
/// set once the command line is read, which is before the command does anything.
void add_threads_option(CLI::App& command, engine::Runtime& runtime, const std::string& use);

}  // namespace graft::cli
