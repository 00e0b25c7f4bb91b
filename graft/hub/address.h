#pragma once

#include <string>

namespace graft::hub {

/// "https://host:port" of an address, with the host in lower case and the port always given;
/// decides where a token may be sent. Throws Error for anything but an http or https address.
std::string origin_of(const std::string& url);

/// Throws UsageError unless an address is https, or http to this machine itself (127.0.0.1, ::1,
/// localhost): anything else would show a token and a model to the network.
void check_address(const std::string& url);

/// Whether `check_address` accepts an address from a server; does not throw, as the address may
/// hold secrets.
bool is_safe_address(const std::string& url);

/// Percent-encodes a part of a path: everything except letters, digits and "-._~".
std::string escaped(const std::string& part);
/// The reverse.
std::string unescaped(const std::string& text);

}  // namespace graft::hub
