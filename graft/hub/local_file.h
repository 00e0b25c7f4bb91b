#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/hub/hash.h"

namespace graft::hub {

/// A file to be uploaded, under its name in the repository: one on this machine, or a text.
class LocalFile {
 public:
  /// A file on this machine. Throws Error if it cannot be read or no repository can have its name.
  LocalFile(std::string name, const fs::path& path);
  LocalFile(std::string name, std::string text);

  const std::string& name() const { return name_; }  // in the repository, folders before it
  uint64_t size() const { return size_; }
  /// Reads bytes from position `at` into `to`, at least one. Throws Error if the file has shrunk.
  size_t read(uint64_t at, char* to, size_t room) const;
  std::string bytes(uint64_t begin, uint64_t size) const;
  /// Hashes the whole file; calls `tick` now and then with the number of bytes done.
  std::string hash(HashKind kind, const std::function<void(uint64_t)>& tick) const;

 private:
  struct Descriptor;
  std::string name_, text_;
  std::shared_ptr<const Descriptor> file_;
  uint64_t size_ = 0;
};

/// The files in a folder and its subfolders, sorted by name, without hidden ones (.git, .cache).
/// Throws Error if there are none or very many.
std::vector<LocalFile> files_of(const fs::path& folder);

}  // namespace graft::hub
