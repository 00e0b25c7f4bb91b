#pragma once

#include <string>
#include <vector>

#include "graft/data/check/kind.h"
#include "graft/data/source.h"

namespace graft::data::check {

extern const Kind kFileEncoding;

/// What is unusual about the first MiB of a text file, unpacked: a byte order mark, line ends of
/// several kinds. Nothing for what cannot be read: whoever reads its rows says so.
std::vector<std::string> oddities_of(const DataFile& file);

}  // namespace graft::data::check
