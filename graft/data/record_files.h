#pragma once

#include <vector>

#include "graft/base/files.h"
#include "graft/data/record.h"

namespace graft::data {

/// The records of a file, from the reader for its extension; JSONL if the extension is unknown.
/// Throws Error as that reader does.
std::vector<Record> read_records(const fs::path& path);

}  // namespace graft::data
