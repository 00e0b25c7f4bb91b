#pragma once

#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/data/record.h"

namespace graft::data {

/// Why this graft cannot read Parquet: built without Arrow, or its reader is not found or does not
/// load. Empty if it can.
std::string no_parquet_because();

/// The records of a Parquet file: its column `text`, with the numbers of the rows. Arrow reads it,
/// in a library of its own (graft/parquet_reader) that is loaded when it is wanted first. Throws
/// Error naming the file for one that is damaged, that has no such column of strings, or a row
/// without one; and where graft cannot read Parquet.
std::vector<Record> read_parquet(const fs::path& path);

}  // namespace graft::data
