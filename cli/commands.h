#pragma once

#include <CLI/CLI.hpp>

#include "graft/engine/runtime.h"

namespace graft::cli {

/// Each registers a command: its options, its help, and its action.
void add_adapter_command(CLI::App& app, engine::Runtime& runtime);
void add_cache_command(CLI::App& app, engine::Runtime& runtime);
void add_convert_command(CLI::App& app, engine::Runtime& runtime);
void add_data_command(CLI::App& app, engine::Runtime& runtime);
void add_eval_command(CLI::App& app, engine::Runtime& runtime);
void add_export_command(CLI::App& app, engine::Runtime& runtime);
void add_fuse_command(CLI::App& app, engine::Runtime& runtime);
void add_generate_command(CLI::App& app, engine::Runtime& runtime);
void add_info_command(CLI::App& app, engine::Runtime& runtime);
void add_launch_command(CLI::App& app, engine::Runtime& runtime);
void add_lora_command(CLI::App& app, engine::Runtime& runtime);
void add_plan_command(CLI::App& app, engine::Runtime& runtime);
void add_report_command(CLI::App& app, engine::Runtime& runtime);
void add_sweep_command(CLI::App& app, engine::Runtime& runtime);
void add_tokenize_command(CLI::App& app, engine::Runtime& runtime);
void add_upload_command(CLI::App& app, engine::Runtime& runtime);

/// Makes a command run `action` with the runtime's settings, once the command line is read.
template <class Action>
void on_run(CLI::App& command, engine::Runtime& runtime, Action action) {
  command.callback([&runtime, action] {
    const engine::Use use(runtime);
    action();
  });
}

}  // namespace graft::cli
