#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace graft::cli {

/// One line on what is wrong with the command line; suggests the nearest option or command for an
/// unknown one.
std::string explain(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv);

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string
/// alignment).
int edit_distance(const std::string& a, const std::string& b);

}  // namespace graft::cli
