#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace graft::cli {

/// An option that takes a number of bytes, as `byte_size` reads it.
CLI::Option* add_size_option(CLI::App& command, const std::string& name,
                             const std::function<void(uint64_t)>& take, const std::string& text);

/// The same, or "none": no limit, if a configuration or a checkpoint has one.
CLI::Option* add_limit_option(CLI::App& command, const std::string& name,
                              const std::function<void(std::optional<uint64_t>)>& take,
                              const std::string& text);

}  // namespace graft::cli
