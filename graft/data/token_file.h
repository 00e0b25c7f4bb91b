#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "graft/base/temporary.h"
#include "graft/data/dataset.h"

namespace graft::data {

/// A file of tokens: the arrays of a Dataset, what else it is made of as JSON, and at the end a
/// footer with their sizes and a checksum over all but the tokens, which are too many to look at.
/// In the byte order of this machine.
///
/// Reads one. `bytes` are aligned to 8 and belong to `owner`, which the examples keep; the name is
/// left empty. Throws Error, without a name of the file, if it is not whole or not of this version.
Dataset read_token_file(std::string_view bytes, std::shared_ptr<const void> owner);

/// What the last 8 bytes of such a file are to be.
uint64_t token_file_checksum(std::string_view bytes);

/// Bytes that are written one after the other to a file that goes away.
class Spill {
 public:
  /// In the folder of `beside`. Throws Error.
  explicit Spill(const fs::path& beside) : file_(beside, Temporary::Kind::file) {}

  /// Throws Error; size() counts what was written before then.
  void write(const void* data, size_t size);
  size_t size() const { return size_; }
  Temporary& file() { return file_; }

 private:
  Temporary file_;
  size_t size_ = 0;
};

/// Writes such a file under a hidden name as the examples come, with what is in memory of it.
class TokenFileWriter {
 public:
  /// Throws Error if it cannot be made.
  explicit TokenFileWriter(fs::path path);

  /// Writes the examples of a set behind those before, and makes it forget them. If it throws, what
  /// was written before is still there, and the set as it was.
  void append(Examples& examples);
  size_t size() const { return count_; }

  /// Puts what was written back into memory, in front of the set's. Throws Error.
  void take_back(Examples& examples);

  /// Ends the file, with the totals of `set` and all else but its examples, which were appended;
  /// gives it its name, and the set the examples in it. Says its checksum. Throws Error.
  uint64_t finish(Dataset& set);

 private:
  fs::path path_;
  Spill ids_, runs_, entries_;  // the first becomes the file
  size_t count_ = 0, id_count_ = 0, run_count_ = 0;
};

}  // namespace graft::data
