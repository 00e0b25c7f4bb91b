#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graft/hub/cache.h"
#include "graft/hub/listing.h"

namespace graft::hub {

/// A commit of a repository that is being fetched into the cache.
class Snapshot {
 public:
  Snapshot(const Http& http, const Repository& repository, const CachedRepository& cache,
           Listing listing);

  const Listing& listing() const { return listing_; }
  fs::path path() const { return cache_.snapshot(listing_.commit); }
  /// Downloads the missing files, small ones several at once, large ones in parts one after the
  /// other. `quiet`: reports only what goes wrong. Throws Error.
  void fetch(const std::vector<RemoteFile>& files, bool quiet = false);

 private:
  void check_space(uint64_t bytes) const;

  const Http& http_;
  const Repository& repository_;
  const CachedRepository& cache_;
  Listing listing_;
};

/// What is needed from a repository, and how to check whether a folder has all of it.
struct Wanted {
  std::function<void(Snapshot&)> fetch;
  std::function<bool(const fs::path&)> is_whole;
  /// What else a whole folder may lack, where it matters.
  std::function<std::vector<std::string>(const fs::path&)> missing = {};
};

/// The folder in the cache that holds what is needed from a repository. Missing files are
/// downloaded; without a connection the cached ones are used if they are complete. Throws Error
/// that says what to do.
fs::path fetch_snapshot(const Environment& environment, const Repository& repository,
                        const Wanted& wanted);

}  // namespace graft::hub
