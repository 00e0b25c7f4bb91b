#pragma once

#include <string>

namespace graft {

/// A text as one word of a POSIX shell's command line.
std::string shell_quoted(const std::string& text);

}  // namespace graft
