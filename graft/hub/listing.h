#pragma once

#include <string>
#include <vector>

#include "graft/hub/download.h"
#include "graft/hub/http.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// What a repository holds at one commit.
struct Listing {
  std::string commit;
  std::vector<RemoteFile> files;

  /// Null if there is none of this name.
  const RemoteFile* find(const std::string& name) const;
};

/// Asks the Hub (`/api/models/{name}/revision/{revision}?blobs=true`). A name that cannot be a
/// file's here is passed over: an absolute one, one with "..", with something hidden or with a
/// character that a terminal obeys. Throws ConnectionError, and Error that says what to do.
Listing list_repository(const Http& http, const Repository& repository);

}  // namespace graft::hub
