#pragma once

#include <cstdint>
#include <string>

#include "graft/hub/cache.h"
#include "graft/hub/http.h"
#include "graft/hub/progress.h"

namespace graft::hub {

/// A file of a repository, as the Hub lists it.
struct RemoteFile {
  std::string name;  // with folders before it, separated by /
  uint64_t size = 0;
  std::string etag;  // SHA-256 of what is in LFS, git's SHA-1 of the rest
  std::string url;
};

/// Downloads a file into the cache's blobs unless it is there: a large one in parts over several
/// connections, resuming where an earlier try stopped, as long as something arrives. A file with a
/// wrong hash is fetched once more. If another process is fetching it, waits for that. Throws
/// Error.
void download(const Http& http, const Repository& repository, const CachedRepository& cache,
              const RemoteFile& file, Progress& progress);

}  // namespace graft::hub
