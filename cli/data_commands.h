#pragma once

#include <CLI/CLI.hpp>

#include "graft/engine/runtime.h"

// The commands below `graft data`.
namespace graft::cli {

void add_data_check_command(CLI::App& data, engine::Runtime& runtime);
void add_data_convert_command(CLI::App& data, engine::Runtime& runtime);
void add_data_split_command(CLI::App& data, engine::Runtime& runtime);

}  // namespace graft::cli
