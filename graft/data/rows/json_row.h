#pragma once

#include <string>

#include "graft/base/json_types.h"
#include "graft/data/rows/row_reader.h"

namespace graft::data {

/// The JSON object that a row's text is. Throws Error, as "name:line: ...", if it is none.
ordered_json parse_json_row(const RawRow& row, const std::string& name);

}  // namespace graft::data
