#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "graft/hub/http.h"
#include "graft/hub/lfs_plan.h"
#include "graft/hub/local_file.h"
#include "graft/hub/progress.h"
#include "graft/hub/repository.h"
#include "graft/hub/upload_notes.h"

namespace graft::hub {

/// Brings large files to where a repository's Git LFS keeps them, with the transfers that
/// huggingface_hub's `lfs.py` speaks: `basic`, and `multipart`, which is the Hub's own. May be used
/// by several threads, for files of different hashes.
class Lfs {
 public:
  Lfs(const Http& http, const Repository& repository, Progress& progress)
      : http_(http),
        repository_(repository),
        progress_(progress),
        say_([&progress](const std::string& line) { progress.say(line); }) {}

  /// A file whose SHA-256 is `oid`, unless the server has it: in parts, several at once, if the
  /// server wants it so, on from where an earlier try stopped. Throws ConnectionError, Error.
  void upload(const LocalFile& file, const std::string& oid);
  /// Breaks off what all threads are at: they throw Error.
  void stop() { stopped_ = true; }

 private:
  /// Why the server has not taken a file, or nothing.
  using Refused = std::optional<std::string>;

  Refused whole(const LocalFile& file, const std::string& oid, const LfsPlan& plan);
  Refused in_parts(const LocalFile& file, const std::string& oid, UploadNotes& notes);
  Refused send_parts(const LocalFile& file, const std::string& oid, UploadNotes& notes,
                     std::vector<std::atomic<uint64_t>>& sent);
  Refused verify(const LocalFile& file, const std::string& oid,
                 const std::optional<std::string>& url);
  Response put(const LocalFile& file, const std::string& url, uint64_t begin, uint64_t size,
               std::atomic<uint64_t>& sent);
  Response tell(const std::string& url, const std::string& text);
  fs::path notes_path(const std::string& oid) const;

  const Http& http_;
  const Repository& repository_;
  Progress& progress_;
  Say say_;
  std::atomic<bool> stopped_{false};
};

}  // namespace graft::hub
