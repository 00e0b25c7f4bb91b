#pragma once

#include <string_view>

#include "graft/base/files.h"

namespace graft::report {

/// A file that others may read while it grows.
class GrowingFile {
 public:
  /// Opens it for appending; makes it if it is missing. Throws Error if that fails.
  explicit GrowingFile(const fs::path& path);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Hands all of the bytes to the system, at once. Throws Error if that fails, on a full disk,
  /// say; nothing of them is left in the file then.
  void append(std::string_view bytes);

 private:
  fs::path path_;
  int descriptor_;
};

/// Makes a folder unless it is there; not those above it: one that went away stays away. Throws
/// Error.
void make_folder(const fs::path& folder);

}  // namespace graft::report
