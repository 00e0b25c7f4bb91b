#pragma once

#include <cstddef>
#include <string>

namespace graft::data {

struct DownloadOptions {
  size_t max_bytes = size_t{256} << 20;  // more than this is refused, at the latest when it arrives
  long connect_seconds = 30;             // until the server must have answered
  long stalled_seconds = 60;             // below 1 KB/s for so long is a failure
};

/// The bytes at an https:// or file:// address. Certificates are verified (SSL_CERT_FILE names
/// another list of authorities); redirects are followed to https:// only, never to a file. Shows
/// its progress where standard error is a terminal. Throws Error with the address and the reason.
std::string download(const std::string& url, const DownloadOptions& options = {});

}  // namespace graft::data
