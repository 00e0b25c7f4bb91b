#pragma once

#include <vector>

#include "graft/base/files.h"
#include "graft/data/record.h"

namespace graft::data {

/// The records of a file that open_rows reads, one a row. Keys other than `text` are ignored.
/// Throws Error as it does, naming file and line if a `text` is missing or no string, and for a
/// file without records.
std::vector<Record> read_records(const fs::path& path);

}  // namespace graft::data
