#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/trunk/example_key.h"

namespace graft::trunk {

/// What such a file begins with. To be changed when files are laid out in another way: those that
/// begin otherwise are begun anew.
inline constexpr const char* kRowFileBeginning = "graft rows 1\n";

/// Another process has removed the file.
class RowFileRemoved : public Error {
 public:
  using Error::Error;
};

/// A file of examples' rows, to which runs append, several at the same time: a header, which says
/// what they are, and a record for each example, with checksums. In the byte order of this machine.
///
/// A record is written under a lock (flock) behind the last one that is whole, so that what a
/// process that died has left is written over, and none is ever half one's and half another's. What
/// is damaged, by a disk or by somebody else, is as if it were not there.
class RowFile {
 public:
  /// Opens the file, or makes it, for its owner alone. `identity` says all that decides the rows;
  /// a file with another one, or that is none of ours, is begun anew. Throws Error if that cannot
  /// be done.
  RowFile(const fs::path& path, const std::string& identity);
  ~RowFile();
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;

  bool has(const ExampleKey& key) const { return records_.contains(key); }
  /// How many records.
  size_t size() const { return records_.size(); }
  /// Of the file, with what others have written as of the last append.
  uint64_t bytes() const { return end_; }
  const fs::path& path() const { return path_; }

  enum class Read { done, absent, damaged };
  /// An example's rows. What is damaged, or of another size, is forgotten.
  Read read(const ExampleKey& key, std::span<std::byte> rows);

  /// Adds an example's rows, if they are not there; takes up what others have added. False if
  /// another one writes right now: nothing is written then. Throws RowFileRemoved, and Error if the
  /// disk is full or the write fails; the file is as before.
  bool append(const ExampleKey& key, std::span<const std::byte> rows);

 private:
  struct Record {
    uint64_t at, bytes;
    uint32_t checksum;
  };
  class Lock;

  bool is_removed() const;
  bool is_ours() const;
  void begin();
  void find_records();
  bool read_at(uint64_t at, void* to, size_t bytes) const;
  void write_at(uint64_t at, const void* from, size_t bytes) const;
  uint64_t file_size() const;

  fs::path path_;
  std::string header_;
  int descriptor_ = -1;
  uint64_t end_ = 0;  // of the records that are known
  std::unordered_map<ExampleKey, Record, ExampleKeyHash> records_;
};

}  // namespace graft::trunk
