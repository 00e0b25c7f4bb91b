#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace graft::cli {

/// What is wrong with the command line, in one line; for an unknown option or command, with the
/// nearest that there is.
std::string explain(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv);

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string
/// alignment).
int edit_distance(const std::string& a, const std::string& b);

}  // namespace graft::cli
