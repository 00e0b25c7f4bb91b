#pragma once

#include <string>
#include <string_view>

namespace graft::hub {

/// Whether a text has control characters: C0, DEL, or U+0080 to U+009F.
bool has_control_characters(std::string_view text);

/// Untrusted text made fit for a terminal: one short line of ASCII.
std::string printable(std::string_view text);

}  // namespace graft::hub
