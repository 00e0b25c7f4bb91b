#pragma once

#include <cstdint>

#include "graft/base/files.h"

namespace graft {

/// A version of a file. A hash of the content decides where these differ.
struct FileVersion {
  uint64_t size = 0;
  int64_t time = 0;     // of the last change, in ns
  uint64_t number = 0;  // inode

  /// All 0 if the file is not there.
  static FileVersion of(const fs::path& file);
  friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

}  // namespace graft
