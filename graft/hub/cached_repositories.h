#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "graft/hub/environment.h"

namespace graft::hub {

/// What the cache holds for a repository.
struct CachedSummary {
  struct Revision {
    std::string commit;
    std::vector<std::string> refs;  // branches and tags that pointed to this commit, sorted
  };

  std::string name;  // "owner/name" of a model, "datasets/owner/name" of others
  fs::path folder;
  uint64_t bytes = 0;       // of whole files
  uint64_t unfinished = 0;  // of interrupted downloads
  std::time_t last_use = 0;
  std::vector<Revision> revisions;
};

/// All repositories in the cache, sorted by name, including those from huggingface_hub.
std::vector<CachedSummary> cached_repositories(const Environment& environment);

/// Removes a repository, its unfinished downloads and its locks. Throws Error.
void remove_cached(const Environment& environment, const CachedSummary& repository);

}  // namespace graft::hub
