#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace graft::hub {

/// A file on its way in, `<path>.incomplete`, that arrives in several parts at once, and beside it
/// how far each part has come, so that another process can go on where this one was broken off.
/// What the note says has been written; that it is right, the file's hash has to say.
class PartsFile {
 public:
  /// Takes up an earlier try of the same size and parts. Throws Error.
  PartsFile(const std::filesystem::path& path, uint64_t size, uint64_t part_size);
  ~PartsFile();
  PartsFile(const PartsFile&) = delete;
  PartsFile& operator=(const PartsFile&) = delete;

  size_t parts() const { return count_; }
  uint64_t size() const { return size_; }
  uint64_t begin(size_t part) const { return part * part_size_; }
  uint64_t end(size_t part) const { return std::min(size_, begin(part) + part_size_); }
  /// Bytes of a part that are there.
  uint64_t done(size_t part) const { return done_[part].load(std::memory_order_acquire); }
  uint64_t all_done() const;
  /// Bytes from the beginning of the file without a gap.
  uint64_t prefix() const;

  /// Writes the bytes that follow those of a part; one thread a part. Throws Error (no space).
  void append(size_t part, std::string_view bytes);
  /// Reads bytes that are there.
  void read(uint64_t at, char* to, size_t size) const;
  /// Syncs the file and gives it its name.
  void commit();
  /// Removes the file and what is known of it.
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
