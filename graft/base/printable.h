#pragma once

#include <string>
#include <string_view>

namespace graft {

/// Text that cannot steer a terminal: control characters other than newline and tab as \u{1b},
/// bytes that are no UTF-8 as \x9b.
std::string printable(std::string_view text);

}  // namespace graft
