#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace graft {

namespace fs = std::filesystem;

/// What an output is written to before it is whole: a new file or folder ".graft-<16 random
/// digits>.partial" beside it, which belongs to this process alone. It is locked (flock) as long as
/// its owner lives, so that `sweep` can tell what was left behind.
class Temporary {
 public:
  enum class Kind { file, folder };

  /// For an output at `target`, in the same folder. Throws Error if it cannot be made there.
  Temporary(const fs::path& target, Kind kind);
  /// Removes it, unless it was given away.
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const fs::path& path() const { return path_; }
  int descriptor() const { return descriptor_; }
  /// It has another name now, or is nobody's: it stays when this object goes.
  void give_away() { given_away_ = true; }

 private:
  fs::path path_;
  int descriptor_ = -1;
  bool given_away_ = false;
};

/// A path for messages: temporary folders of this process in it have the names of their targets.
std::string shown_path(const fs::path& path);

/// Removes the temporaries in a folder whose owners are dead, if they are of this user; once in the
/// life of the process.
void sweep(const fs::path& folder);

}  // namespace graft
