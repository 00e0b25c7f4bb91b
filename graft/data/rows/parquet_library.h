#pragma once

#include <string>

#include "graft/parquet_reader/parquet_reader.h"

namespace graft::data {

/// Why this graft cannot read Parquet: it was built without Arrow, or its reader is not found or
/// does not load. Empty if it can.
std::string no_parquet_because();

/// The reader, a library of its own (graft/parquet_reader) that links Arrow and is loaded on first
/// use; null if graft cannot read Parquet.
const GraftParquet* parquet_library();

}  // namespace graft::data
