#pragma once

#include <string>
#include <string_view>

namespace graft::cli {

/// Replaces the option names in a library message, which are in backquotes ("`num_layers`"), with
/// this program's flags ("--lora-layers").
std::string with_flags(std::string_view message);

}  // namespace graft::cli
