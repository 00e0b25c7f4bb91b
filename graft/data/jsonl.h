#pragma once

#include <vector>

#include "graft/base/files.h"
#include "graft/data/record.h"

namespace graft::data {

/// The records of a JSONL file, one a line; blank lines are skipped, keys other than `text`
/// ignored. Throws Error naming file and line for a line that is no JSON object, has no `text`, or
/// one that is not a string of valid UTF-8, and for a file without records.
std::vector<Record> read_jsonl(const fs::path& path);

}  // namespace graft::data
