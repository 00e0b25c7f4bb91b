#pragma once

#include <vector>

#include "graft/base/files.h"
#include "graft/data/record.h"

namespace graft::data {

/// The records of a JSONL file, one per line; blank lines are skipped, keys other than `text`
/// ignored. Throws Error naming file and line if a line is not a JSON object or its `text` is
/// missing or not a string of valid UTF-8, and for a file without records.
std::vector<Record> read_jsonl(const fs::path& path);

}  // namespace graft::data
