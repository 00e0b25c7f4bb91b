#pragma once

#include <string>
#include <vector>

#include "graft/hub/download.h"
#include "graft/hub/http.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// The files of a repository at one commit.
struct Listing {
  std::string commit;
  std::vector<RemoteFile> files;

  /// Null if there is no file of this name.
  const RemoteFile* find(const std::string& name) const;
};

/// What an answer of the Hub lists. Unsafe file names are skipped: absolute ones, and those with
/// "..", a hidden part or a control character. Throws Error for an answer that is none.
Listing read_listing(const std::string& answer, const Environment& environment,
                     const Repository& repository);

/// Asks the Hub (`/api/models/{name}/revision/{revision}?blobs=true`). Throws ConnectionError, and
/// Error that says what to do.
Listing list_repository(const Http& http, const Repository& repository);

}  // namespace graft::hub
