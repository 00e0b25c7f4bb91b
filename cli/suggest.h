#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace graft::cli {

/// One line on what is wrong with the command line; suggests the nearest option or command for an
/// unknown one.
std::string explain(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv);

}  // namespace graft::cli
