#pragma once

#include <cstddef>
#include <string>

namespace graft::data {

/// The bytes at an https:// or file:// address, `max_bytes` of them at most. Certificates are
/// verified (SSL_CERT_FILE names another list of authorities); redirects are followed to https://
/// (or to this machine), never to a file. Shows its progress where standard error is a terminal.
/// Throws Error with the address and the reason.
std::string download(const std::string& url, size_t max_bytes);

}  // namespace graft::data
