#pragma once

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "graft/base/files.h"

namespace graft::data {

/// Bytes, read forward.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Puts up to `most` (> 0) bytes at `to` and says how many; 0 at the end alone. Throws Error.
  virtual size_t read(char* to, size_t most) = 0;

  /// The share of the source that was read, 0 to 1; 0 where its size is unknown.
  virtual double done() const = 0;
};

/// A file as it is. `name` stands for it in messages. Throws Error if it cannot be opened.
std::unique_ptr<ByteSource> open_file_bytes(const fs::path& file, const std::string& name);

/// A text, which has to live as long as the source.
std::unique_ptr<ByteSource> text_bytes(std::string_view text);

/// A stream, which has to live as long as the source.
std::unique_ptr<ByteSource> stream_bytes(std::istream& stream);

}  // namespace graft::data
