#pragma once

#include <filesystem>
#include <functional>

namespace graft::hub {

/// An exclusive lock on a file, as the Python package `filelock` takes it (flock), so that graft
/// and huggingface_hub wait for each other. Given back when destroyed, or when the process dies.
class FileLock {
 public:
  /// Waits for the lock; calls `waiting` regularly while somebody else has it, and gives up if that
  /// throws. Throws Error if the file cannot be made.
  FileLock(const std::filesystem::path& path, const std::function<void()>& waiting);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace graft::hub
