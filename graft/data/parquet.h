#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graft/base/files.h"

namespace graft::data {

/// Whether this graft reads Parquet: its reader is there and loads.
bool reads_parquet();

/// The texts of a Parquet file's column, with the numbers of their rows, from 1. Arrow reads it, in
/// a library of its own (graft/parquet_reader) that is loaded when it is wanted first. Throws Error
/// naming the file for one that is damaged, that has no such column of strings, or a row without
/// one; and where graft was built without Arrow.
std::vector<std::pair<int64_t, std::string>> read_parquet_texts(const fs::path& path,
                                                                const std::string& column);

}  // namespace graft::data
