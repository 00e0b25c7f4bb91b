#pragma once

#include <CLI/CLI.hpp>
#include <set>
#include <string>
#include <vector>

namespace graft::cli {

/// The options that a command was given, as its arguments, but for those of these names.
std::vector<std::string> given_arguments(const CLI::App& command, const std::set<std::string>& but);

/// The same as a part of a POSIX shell's command line: "" or " --iters 10 --data 'my data'".
std::string given_options(const CLI::App& command, const std::set<std::string>& but);

}  // namespace graft::cli
