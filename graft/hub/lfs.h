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

/// Uploads large files to a repository's Git LFS storage, with the transfers of huggingface_hub's
/// `lfs.py`: `basic`, and the Hub's own `multipart`. Several threads may use it, for files of
/// different hashes.
class Lfs {
 public:
  Lfs(const Http& http, const Repository& repository, Progress& progress)
      : http_(http),
        repository_(repository),
        progress_(progress),
        say_([&progress](const std::string& line) { progress.say(line); }) {}

  /// Uploads a file whose SHA-256 is `oid` unless the server has it: in parts, several at once, if
  /// the server asks for that, resuming where an earlier try stopped. Throws ConnectionError,
  /// Error.
  void upload(const LocalFile& file, const std::string& oid);
  /// Aborts the uploads of all threads: they throw Error.
  void stop() { stopped_ = true; }

 private:
  /// Why the server did not take a file; nothing if it did.
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
