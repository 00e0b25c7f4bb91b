#pragma once

#include <string>

namespace graft::hub {

/// "https://host:port" of an address, its host in lower case and its port always said; what a
/// token may be sent to is decided by it. Throws Error for what is no http or https address.
std::string origin_of(const std::string& url);

/// Throws UsageError unless an address is https, or http to this machine itself (127.0.0.1, ::1,
/// localhost): anything else would show a token and a model to the network.
void check_address(const std::string& url);

/// Whether `check_address` would take it; for addresses that a server gives, which may hold what is
/// not to be shown.
bool is_safe_address(const std::string& url);

/// A part of a path as an address spells it: all but letters, digits and "-._~" in percent form.
std::string escaped(const std::string& part);
/// The reverse.
std::string unescaped(const std::string& text);

}  // namespace graft::hub
