#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

 private:
  fs::path path_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// Whether the path exists; false if that cannot be determined.
bool is_there(const fs::path& path);

/// The files in a folder and its subfolders, as sorted relative paths separated by '/'. Hidden
/// files and folders are left out. A link to a file counts as a file, a link to a folder is
/// skipped. Empty if the folder does not exist. Throws Error if it cannot be read.
std::vector<std::string> files_below(const fs::path& folder);

/// The whole of a small text file. Throws Error if it cannot be read or is larger than `limit`
/// bytes.
std::string read_text(const fs::path& path, size_t limit = size_t{256} << 20);

/// A file that appears whole or not at all: bytes go to a hidden sibling, which `commit` syncs and
/// renames into place. If it is destroyed without commit (after an exception, say), the earlier
/// file stays as it was.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Throws Error when the disk is full or the write fails.
  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  size_t written() const { return written_; }
  void commit();

 private:
  fs::path path_, temporary_;
  int descriptor_ = -1;
  size_t written_ = 0;
};

/// Throws Error if AtomicFile could not write `path`: no folder, no permission, or a folder of that
/// name.
void check_writable(const fs::path& path);

/// AtomicFile in one call.
void write_text(const fs::path& path, std::string_view text);

/// A copy of a file under its own name in another folder, whole or not at all.
void copy_file_into(const fs::path& file, const fs::path& folder);

/// Whether `inner` is `outer` or lies below it, links resolved; either may be missing.
bool lies_within(const fs::path& inner, const fs::path& outer);

/// Throws UsageError if `target` is there, is not empty, and `replaceable(target)` is false.
void check_replaceable(const fs::path& target,
                       const std::function<bool(const fs::path&)>& replaceable);

/// An output folder that appears whole: files are written under `path()`, a hidden sibling, and
/// `commit` swaps it in for `target`. If it is destroyed without commit, what was written is
/// removed. Throws as check_replaceable does.
class AtomicFolder {
 public:
  AtomicFolder(fs::path target, const std::function<bool(const fs::path&)>& replaceable);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const fs::path& path() const { return temporary_; }
  void commit();

 private:
  fs::path target_, temporary_;
};

}  // namespace graft
