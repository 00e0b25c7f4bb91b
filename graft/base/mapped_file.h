#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace graft {

namespace fs = std::filesystem;

/// A file, mapped read-only. Throws Error if it cannot be opened or mapped; an empty file maps to
/// an empty view. The mapping lives as long as the object.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  const fs::path& path() const { return path_; }

  /// Gives the memory of what was read back: it is read again when it is wanted.
  void release() const;

  /// Throws Error if somebody has written to the file since it was mapped: what was read of it may
  /// be anything.
  void check_unchanged() const;
  /// Whether its path still names this file, as it was when it was mapped.
  bool is_at_its_path() const;

 private:
  fs::path path_;
  int descriptor_ = -1;
  struct stat opened_ {};
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// check_unchanged of all that are mapped: to be called when something was computed from them and
/// before anybody relies on it.
void check_mapped_files();

/// release of all that are mapped.
void release_mapped_files();

/// From now on, reading a part of a mapped file that was cut off gives zeros; else the system ends
/// the process with SIGBUS. For programs, which call check_mapped_files then.
void survive_cut_files();

}  // namespace graft
