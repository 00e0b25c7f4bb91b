#pragma once

#include <memory>

#include "graft/data/rows/row_reader.h"
#include "graft/data/rows/window.h"

namespace graft::data {

/// The rows of a table behind its header, fields separated by `separator`, quoted as in RFC 4180:
/// "a ""b"", c". A quote elsewhere than at a field's begin is a character. Empty lines are skipped.
/// Reads the header: throws Error if there is none, or if two names in it are equal or one is
/// empty.
std::unique_ptr<RowReader> csv_rows(Window window, char separator);

}  // namespace graft::data
