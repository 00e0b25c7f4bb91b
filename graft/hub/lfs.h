#pragma once

#include <string>

#include "graft/hub/http.h"
#include "graft/hub/local_file.h"
#include "graft/hub/progress.h"
#include "graft/hub/repository.h"
#include "graft/hub/upload_notes.h"

namespace graft::hub {

/// Brings large files to where a repository's Git LFS keeps them, by the protocol of git-lfs's
/// `docs/api/batch.md` with the transfers that huggingface_hub's `lfs.py` speaks: `basic`, and
/// `multipart`, which is the Hub's own. May be used by several threads.
class Lfs {
 public:
  Lfs(const Http& http, const Repository& repository, Progress& progress)
      : http_(http), repository_(repository), progress_(progress) {}

  /// A file whose SHA-256 is `oid`, unless the server has it: in parts, several at once, if the
  /// server wants it so, on from where an earlier try stopped. Throws ConnectionError, Error.
  void upload(const LocalFile& file, const std::string& oid) const;

 private:
  /// What the server wants of a file: neither basic nor parts if it has it.
  struct Plan {
    std::string basic;
    PartsPlan parts;
    std::optional<std::string> verify;
  };
  Plan ask(const LocalFile& file, const std::string& oid) const;
  bool in_parts(const LocalFile& file, const std::string& oid, UploadNotes notes) const;
  bool whole(const LocalFile& file, const std::string& url) const;
  bool verified(const LocalFile& file, const std::string& oid, const std::string& url) const;
  fs::path notes_path(const std::string& oid) const;

  const Http& http_;
  const Repository& repository_;
  Progress& progress_;
};

}  // namespace graft::hub
