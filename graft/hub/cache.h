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
  /// The lock file of a blob; makes the folders of both.
  fs::path lock(const std::string& etag) const;
  const fs::path& folder() const { return folder_; }

  /// The last known commit of a revision: itself if it is a commit, else what `refs/` says.
  std::optional<std::string> commit_of(const std::string& revision) const;
  void remember(const std::string& revision, const std::string& commit) const;
  /// Makes the link of a snapshot's file, atomically replacing an earlier one.
  void link(const std::string& commit, const std::string& file, const std::string& etag) const;
  /// Notes that a commit has no such file, as huggingface_hub does: `.no_exist/<commit>/<file>`.
  void note_absent(const std::string& commit, const std::string& file) const;

 private:
  fs::path folder_, locks_;
};

/// The repository and commit of a snapshot folder in a cache; nothing for any other folder.
std::optional<io::Origin> origin_of_snapshot(const fs::path& folder);

/// Whether a folder holds a model's config, and its weights with every shard.
bool is_complete_model(const fs::path& folder);

/// Whether it holds a tokenizer's files.
bool has_tokenizer(const fs::path& snapshot);

/// Whether it holds both: other programs put models into the cache without.
bool is_usable_model(const fs::path& snapshot);

/// The files beside them that a model may have and a snapshot has not, although the repository is
/// not known to be without: what ends a text and the chat template stand there.
std::vector<std::string> missing_side_files(const fs::path& snapshot);

}  // namespace graft::hub
