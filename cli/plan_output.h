#pragma once

#include <string>

#include "graft/base/machine.h"
#include "graft/engine/fine_tune.h"

namespace graft::cli {

/// Where the machine's speed is kept: beside what graft notes of the Hub.
fs::path speed_file(const engine::Runtime& runtime);
/// And that of what goes between processes.
fs::path exchange_file(const engine::Runtime& runtime);

/// What this process may use for a plan, which may have been limited (`--memory`).
UsableMemory usable_for(const plan::Plan& plan, const engine::TrunkOptions& trunk);

/// "It needs about 9.1 GB, and the machine has 8.2 GB", where a plan does not fit.
std::string too_large(const plan::Plan& plan, const UsableMemory& usable);

/// A line for each remedy, with its figure.
std::string remedy_lines(const std::vector<engine::Remedy>& remedies);

}  // namespace graft::cli
