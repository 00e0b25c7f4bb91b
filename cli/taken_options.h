#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "graft/base/json_types.h"

namespace graft::cli {

/// Sets the options of a command that its command line does not give, by their names without
/// dashes ("batch_size" for --batch-size), as if they were given there. Throws UsageError, which
/// begins with `where`, for a name that is no option and a value that the option does not take.
void take_options(CLI::App& command, const ordered_json& values, const std::string& where);

}  // namespace graft::cli
