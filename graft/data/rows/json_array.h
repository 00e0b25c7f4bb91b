#pragma once

#include <memory>

#include "graft/data/rows/row_reader.h"
#include "graft/data/rows/window.h"

namespace graft::data {

/// The elements of a JSON array, or of the one array among the members of an object, one after the
/// other.
std::unique_ptr<RowReader> json_array(Window window);

/// Whether a JSON text that begins with { is one object with an array of rows, as {"data": [...]},
/// and not lines that are objects, one or many. An object that takes more than 16 MiB, with
/// nothing behind it in these, is taken for one. Reads the window on, and takes nothing.
bool is_object_with_rows(Window& window);

}  // namespace graft::data
