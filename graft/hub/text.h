#pragma once

#include <string>
#include <string_view>

namespace graft::hub {

/// Whether a text holds what a terminal obeys: C0 controls, DEL, or U+0080 to U+009F.
bool has_control_characters(std::string_view text);

/// What a stranger wrote, fit for a terminal: one short line of ASCII.
std::string printable(std::string_view text);

}  // namespace graft::hub
