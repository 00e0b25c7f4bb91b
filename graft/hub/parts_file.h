#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace graft::hub {

/// A download in progress, `<path>.incomplete`, whose parts arrive at the same time, and a note
/// beside it of how far each part has come, so that another process can resume it. Bytes in the
/// note have been written; whether they are right is for the file's hash to show.
class PartsFile {
 public:
  /// Resumes an earlier try of the same size and parts. Throws Error.
  PartsFile(const std::filesystem::path& path, uint64_t size, uint64_t part_size);
  ~PartsFile();
  PartsFile(const PartsFile&) = delete;
  PartsFile& operator=(const PartsFile&) = delete;

  size_t parts() const { return count_; }
  uint64_t size() const { return size_; }
  uint64_t begin(size_t part) const { return part * part_size_; }
  uint64_t end(size_t part) const { return std::min(size_, begin(part) + part_size_); }
  /// Bytes of a part that have arrived.
  uint64_t done(size_t part) const { return done_[part].load(std::memory_order_acquire); }
  uint64_t all_done() const;
  /// Bytes from the beginning of the file without a gap.
  uint64_t prefix() const;

  /// Writes the next bytes of a part; one thread per part. Throws Error (no space).
  void append(size_t part, std::string_view bytes);
  /// Reads bytes that have arrived.
  void read(uint64_t at, char* to, size_t size) const;
  /// Syncs the file and renames it to `path`.
  void commit();
  /// Removes the file and its note.
  void discard();

 private:
  void note(size_t part);
  void begin_anew();

  std::filesystem::path path_, incomplete_, notes_;
  uint64_t size_, part_size_;
  size_t count_;
  int file_ = -1, notes_file_ = -1;
  std::unique_ptr<std::atomic<uint64_t>[]> done_;
};

}  // namespace graft::hub
