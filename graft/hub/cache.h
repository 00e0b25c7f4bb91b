#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/hub/environment.h"
#include "graft/hub/repository.h"
#include "graft/io/provenance.h"

namespace graft::hub {

/// One repository's part of the cache, laid out as huggingface_hub does it:
/// `refs/<revision>` holds a commit, `blobs/<etag>` files by their hashes, and
/// `snapshots/<commit>/<file>` relative links into the blobs.
class CachedRepository {
 public:
  CachedRepository(const Environment& environment, const Repository& repository);

  fs::path snapshot(const std::string& commit) const { return folder_ / "snapshots" / commit; }
  fs::path blob(const std::string& etag) const { return folder_ / "blobs" / etag; }
  /// The lock of a blob; makes the folders that it and the blob lie in.
  fs::path lock(const std::string& etag) const;
  const fs::path& folder() const { return folder_; }

  /// The commit that a revision was last known as: itself if it is one, else what `refs/` says.
  std::optional<std::string> commit_of(const std::string& revision) const;
  void remember(const std::string& revision, const std::string& commit) const;
  /// Makes the link of a snapshot's file; what was there before is replaced at once.
  void link(const std::string& commit, const std::string& file, const std::string& etag) const;

 private:
  fs::path folder_, locks_;
};

/// The repository and commit whose snapshot in a cache a folder is; nothing if it is none.
std::optional<io::Origin> origin_of_snapshot(const fs::path& folder);

/// Whether a folder holds all that a model needs: its config, its weights with every shard.
bool is_complete_model(const fs::path& folder);

}  // namespace graft::hub
