#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

// The names that options have in configurations: "batch_size" for --batch-size.
namespace graft::cli {

/// "batch_size" of "batch-size".
std::string with_underscores(std::string name);

/// "--batch-size" of "batch_size".
std::string flag_named(std::string name);

/// Those of a command's options but --help.
std::vector<std::string> option_names(const CLI::App& command);

/// "; did you mean batch_size?", or "" if no name is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& names);

}  // namespace graft::cli
