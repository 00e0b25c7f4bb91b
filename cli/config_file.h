#pragma once

#include <string>

#include "cli/taken_options.h"
#include "graft/base/front_end.h"

namespace graft::cli {

/// Sets the options that the command line does not give from a configuration:
///   a YAML or JSON file with the options' names, underscores or dashes, or with mlx-lm's settings;
///   an adapter file or a checkpoint, which hold that of their training.
/// Throws UsageError, which names the file and the line, for a name that is none, with the nearest
/// one, and for a value that does not fit; Error for a file that cannot be read or is no YAML.
void take_config(CLI::App& command, const std::string& path, FrontEnd& front_end);

}  // namespace graft::cli
