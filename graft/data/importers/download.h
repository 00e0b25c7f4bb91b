#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "graft/base/front_end.h"

namespace graft::data {

/// Downloads an https:// or file:// address, at most `max_bytes`. Certificates are verified
/// (SSL_CERT_FILE names another list of authorities); redirects are followed to https:// (or to
/// this machine), never to a file. Reports progress to the front end. Throws Error with the address
/// and the reason, also where the bytes are not those of `git_hash` (hub::HashKind::git), if there
/// is one; Cancelled.
std::string download(const std::string& url, size_t max_bytes, const std::string& git_hash,
                     const std::shared_ptr<FrontEnd>& front_end);

}  // namespace graft::data
