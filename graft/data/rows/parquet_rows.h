#pragma once

#include <memory>
#include <string>

#include "graft/base/files.h"
#include "graft/data/rows/row_reader.h"

namespace graft::data {

/// The rows of a Parquet file, with all columns. Throws Error naming the file if graft cannot read
/// Parquet, if it is damaged, or if it has columns that JSON has no form for.
std::unique_ptr<RowReader> parquet_rows(const fs::path& file, const std::string& name);

}  // namespace graft::data
