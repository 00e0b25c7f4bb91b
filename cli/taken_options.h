#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::cli {

/// A value for an option, from somewhere else than the command line.
struct TakenOption {
  std::string name;    // "batch_size" for --batch-size
  ordered_json value;  // null: as if it were not given
  std::string where;   // it stands: "lora.yaml:3"
};

/// Those of a map of names and values, which all stand in one place.
std::vector<TakenOption> taken_from(const ordered_json& values, const std::string& where);

/// Sets the options that neither were given before nor exclude one that was, as if they were given
/// on the command line. Throws UsageError, which begins with `where`, for a name that is no option,
/// a value that the option does not take, and two that exclude each other.
void take_options(CLI::App& command, const std::vector<TakenOption>& options);

}  // namespace graft::cli
