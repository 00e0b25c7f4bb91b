#pragma once

#include <memory>

#include "graft/data/rows/row_reader.h"
#include "graft/data/rows/window.h"

namespace graft::data {

/// The lines of JSONL that are not blank.
std::unique_ptr<RowReader> json_lines(Window window);

}  // namespace graft::data
