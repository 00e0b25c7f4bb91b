#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/files.h"

namespace graft::data {

/// Why this graft cannot read Parquet: built without Arrow, or its reader is not found or does not
/// load. Empty if it can.
std::string no_parquet_because();

/// The texts of a Parquet file's column, with the numbers of their rows, from 1. Arrow reads it, in
/// a library of its own (graft/parquet_reader) that is loaded when it is wanted first. Throws Error
/// naming the file for one that is damaged, that has no such column of strings, or a row without
/// one; and where graft cannot read Parquet.
std::vector<std::pair<int64_t, std::string>> read_parquet_texts(const fs::path& path,
                                                                const std::string& column);

}  // namespace graft::data
