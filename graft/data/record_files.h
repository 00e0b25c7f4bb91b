#pragma once

#include <vector>

#include "graft/base/files.h"
#include "graft/data/record.h"

namespace graft::data {

/// The records of a file, by the reader that its extension names; JSONL where it names none. Throws
/// Error as that reader does.
std::vector<Record> read_records(const fs::path& path);

}  // namespace graft::data
