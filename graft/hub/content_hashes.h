#pragma once

#include <map>
#include <string>

#include "graft/base/file_version.h"
#include "graft/base/front_end.h"

namespace graft::hub {

/// SHA-256 of large files, remembered by device, inode, size and time of the last change in a note,
/// so that each version is read once. A blob of the Hub's cache has its hash for a name.
class ContentHashes {
 public:
  /// A note that is missing or damaged is empty; one that cannot be written is no error.
  explicit ContentHashes(fs::path note);

  /// In hexadecimal digits. Says how far it is. Throws Error if the file cannot be read, or is
  /// written to meanwhile; Cancelled.
  std::string sha256(const fs::path& file, FrontEnd& front_end);

 private:
  struct Known {
    FileVersion version;
    std::string sha256;
  };
  void write() const;

  fs::path note_;
  std::map<std::string, Known> known_;  // by "device:inode"
};

}  // namespace graft::hub
