#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/hub/hash.h"

namespace graft::hub {

/// A file as it is to be in a repository: one that is here, or a text.
class LocalFile {
 public:
  /// Of a file here. Throws Error if it cannot be read, and for a name that no repository can have.
  LocalFile(std::string name, const fs::path& path);
  LocalFile(std::string name, std::string text);

  const std::string& name() const { return name_; }  // in the repository, folders before it
  uint64_t size() const { return size_; }
  /// Puts bytes from `at` on at `to`; at least one. Throws Error if it became shorter meanwhile.
  size_t read(uint64_t at, char* to, size_t room) const;
  std::string bytes(uint64_t begin, uint64_t size) const;
  /// Reads the whole file; `tick` is called now and then with the bytes that are done.
  std::string hash(HashKind kind, const std::function<void(uint64_t)>& tick) const;

 private:
  struct Descriptor;
  std::string name_, text_;
  std::shared_ptr<const Descriptor> file_;
  uint64_t size_ = 0;
};

/// The files of a folder and of those in it, sorted by name, without what is hidden (.git, .cache).
/// Throws Error where there is none, or where there are very many.
std::vector<LocalFile> files_of(const fs::path& folder);

}  // namespace graft::hub
