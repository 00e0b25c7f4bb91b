#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "graft/data/rows/byte_source.h"

namespace graft::data {

enum class Compression { none, gzip, zstd };

/// The compression of a file that begins so.
Compression compression_of(std::string_view begin);

/// What gzip (RFC 1952) holds, one member after the other; zeros behind the last are padding, as
/// for Python. Reading throws Error naming the source where it is cut off or damaged.
std::unique_ptr<ByteSource> gunzip(std::unique_ptr<ByteSource> packed, const std::string& name);

/// The same for the frames of Zstandard (RFC 8878). A frame that wants a window above 128 MiB,
/// zstd's own limit, is an Error too.
std::unique_ptr<ByteSource> unzstd(std::unique_ptr<ByteSource> packed, const std::string& name);

}  // namespace graft::data
