#pragma once

#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/data/record.h"

namespace graft::data {

/// Why this graft cannot read Parquet: it was built without Arrow, or its reader is not found or
/// does not load. Empty if it can.
std::string no_parquet_because();

/// The records of a Parquet file: its column `text`, with row numbers. Arrow reads it, in a library
/// of its own (graft/parquet_reader) that is loaded on first use. Throws Error naming the file if
/// it is damaged, has no string column `text`, or has a row without a text; and if graft cannot
/// read Parquet.
std::vector<Record> read_parquet(const fs::path& path);

}  // namespace graft::data
