#pragma once

namespace graft::cli {

/// Whether colours may be used on standard output: it is a terminal that has them, and NO_COLOR
/// (https://no-color.org) is not set.
bool stdout_has_colour();

}  // namespace graft::cli
