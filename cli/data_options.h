#pragma once

#include <CLI/CLI.hpp>

#include "graft/data/render_options.h"
#include "graft/engine/named_data.h"

// The options of every command that reads a data set.
namespace graft::cli {

/// The keys of rows.
void add_key_options(CLI::App& command, data::RowKeys& keys);

/// Where the data are: --data, --valid-split and the keys of their rows.
void add_data_options(CLI::App& command, engine::DataOptions& data);

/// How records become examples: what is trained, and at which length.
void add_render_options(CLI::App& command, data::RenderOptions& render);

/// Throws UsageError for options that contradict each other.
void check_data_options(const engine::DataOptions& data, const data::RenderOptions& render);

/// By the names of the flags, for a training's record: those that are not the defaults, and --data.
ordered_json recorded_options(const engine::DataOptions& data);

}  // namespace graft::cli
