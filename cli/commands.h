#pragma once

#include <CLI/CLI.hpp>

namespace graft::cli {

/// Each registers a command of the program: its options, its help, and what it runs.
void add_cache_command(CLI::App& app);
void add_convert_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_fuse_command(CLI::App& app);
void add_generate_command(CLI::App& app);
void add_info_command(CLI::App& app);
void add_lora_command(CLI::App& app);
void add_tokenize_command(CLI::App& app);
void add_upload_command(CLI::App& app);

}  // namespace graft::cli
