#pragma once

#include <string_view>

namespace graft::trunk {

/// 64 hex digits that tell the numbers of this build's forward pass from another's: over the
/// sources of kernels, operations and models, compiler and flags.
std::string_view forward_version();

}  // namespace graft::trunk
