#pragma once

#include <memory>
#include <string_view>

#include "graft/base/files.h"
#include "graft/data/rows/compressed_bytes.h"

namespace graft::data {

/// An AtomicFile to which bytes are written, compressed on the way.
class PackedFile {
 public:
  virtual ~PackedFile() = default;

  /// Throws Error when the disk is full or the write fails.
  virtual void write(std::string_view bytes) = 0;
  /// The last.
  virtual void commit() = 0;
};

std::unique_ptr<PackedFile> create_packed(const fs::path& file, Compression compression);

}  // namespace graft::data
