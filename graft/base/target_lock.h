#pragma once

#include <filesystem>

namespace graft {

namespace fs = std::filesystem;

/// An exclusive lock on an output, so that two processes do not take turns in writing it: a file
/// ".graft-<16 digits>.lock" beside it, locked by flock, which says who has it. Given back when
/// destroyed or when the process dies. Where the file system has no locks, nothing is locked.
class TargetLock {
 public:
  /// Throws Error, which says who has it, if another one holds the lock.
  explicit TargetLock(const fs::path& target);
  ~TargetLock();
  TargetLock(const TargetLock&) = delete;
  TargetLock& operator=(const TargetLock&) = delete;

 private:
  fs::path path_;
  int descriptor_ = -1;
};

}  // namespace graft
