#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

#include "graft/base/temporary.h"

namespace graft {

/// A file that appears whole or not at all: bytes go to a Temporary, which `commit` syncs and
/// renames into place, with the permissions of the file that it replaces. Through a link, the file
/// that it leads to is written. If it is destroyed without commit (after an exception, say), the
/// earlier file stays as it was.
class AtomicFile {
 public:
  explicit AtomicFile(const fs::path& path);

  /// Throws Error when the disk is full or the write fails.
  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  size_t written() const { return written_; }
  void commit();

 private:
  fs::path path_;
  Temporary temporary_;
  size_t written_ = 0;
};

/// Throws Error if AtomicFile could not write `path`: no folder, no permission, or a folder of that
/// name.
void check_writable(const fs::path& path);

/// AtomicFile in one call.
void write_text(const fs::path& path, std::string_view text);

/// A copy of a file under its own name in another folder, whole or not at all.
void copy_file_into(const fs::path& file, const fs::path& folder);

}  // namespace graft
