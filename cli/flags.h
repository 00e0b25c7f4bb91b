#pragma once

#include <string>
#include <string_view>

namespace graft::cli {

/// A message of the library, which names options as it has them, in backquotes ("`num_layers`"),
/// with this program's flags in their places ("--lora-layers").
std::string with_flags(std::string_view message);

}  // namespace graft::cli
